"""The team's side of a conversation: who may do what, and the socket of the page on which they answer."""

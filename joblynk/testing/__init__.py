"""What the tests stand on: real servers, real sites, a real browser. Nothing here runs in production."""

// Draws one moment of one section. Moments are seconds from the section's beginning.
const sections = [...document.querySelectorAll("section")];
const pointer = document.getElementById("pointer");
const ripple = document.getElementById("ripple");
const TYPE_FROM = 0.8;
const REST = { x: 1180, y: 640 };

for (const field of document.querySelectorAll("[data-typed]")) field.dataset.typed = field.textContent;
for (const flip of document.querySelectorAll(".switch[data-target]")) flip.dataset.after = flip.classList.contains("on") ? "on" : "off";

const ease = (share) => share * share * (3 - 2 * share);
const clamp = (value) => Math.min(1, Math.max(0, value));

/** Seconds at which typing ends, and the pointer sets out and clicks. */
function plan(section, length) {
  const typed = [...section.querySelectorAll("[data-typed]")];
  const typing = Math.min(length - 2.4, 0.5 + 0.05 * typed.reduce((sum, field) => sum + field.dataset.typed.length, 0));
  const click = length - 1;
  return { typed, typingEnd: TYPE_FROM + Math.max(0.6, typing), click, go: click - 0.8 };
}

window.show = (place, moment, length) => {
  sections.forEach((section, n) => section.classList.toggle("shown", n === place));
  const section = sections[place];
  const { typed, typingEnd, click, go } = plan(section, length);
  const target = section.classList.contains("scene") ? section.querySelector("[data-target]") : null;
  const all = typed.reduce((sum, field) => sum + field.dataset.typed.length, 0);
  const whole = !section.classList.contains("scene");
  let left = whole ? all : Math.round(all * clamp((moment - TYPE_FROM) / (typingEnd - TYPE_FROM)));
  for (const field of typed) {
    const characters = [...field.dataset.typed];
    field.textContent = characters.slice(0, left).join("") || "\u00a0";
    left = Math.max(0, left - characters.length);
  }
  const window_ = section.querySelector(".window");
  if (window_ && !whole) window_.style.transform = `translateY(${Math.round(24 * (1 - ease(clamp(moment / 0.3))))}px)`;
  pointer.style.display = ripple.style.display = "none";
  if (!target) return;
  const pressed = moment >= click;
  target.classList.toggle("pressed", pressed && !target.matches(".switch"));
  if (target.dataset.after) {
    target.classList.toggle("on", (target.dataset.after === "on") === pressed);
    target.classList.toggle("off", (target.dataset.after === "on") !== pressed);
  }
  const box = target.getBoundingClientRect();
  const x = target.matches(".row, .switch") ? box.right - 40 : box.left + box.width * 0.6;
  const y = box.top + box.height * 0.55;
  const way = ease(clamp((moment - go) / (click - go)));
  pointer.style.display = moment > go ? "block" : "none";
  pointer.style.transform = `translate(${REST.x + (x - REST.x) * way}px, ${REST.y + (y - REST.y) * way}px)`;
  const ring = clamp((moment - click) / 0.4);
  if (!pressed || ring >= 1) return;
  const size = 20 + 50 * ring;
  Object.assign(ripple.style, { display: "block", width: `${size}px`, height: `${size}px`, left: `${x - size / 2}px`, top: `${y - size / 2}px`, opacity: String(1 - ring) });
};

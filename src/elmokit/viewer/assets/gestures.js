// Pointer, wheel and keys of a map, translated to what they mean.
const CLICK = 5; // pixels that a click may move
const PAN = 60; // pixels per key press

/**
 * @param canvas the element that is focused and touched
 * @param act {pan, zoom, fit, hover, click, leave, step, walk, clear}
 * @param wheel "always", or "focused" if the page around the map scrolls
 */
export function listen(canvas, act, wheel) {
  const pointers = new Map();
  let moved = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [[x, y], [otherX, otherY]] = [...pointers.values()];
    return { size: Math.hypot(x - otherX, y - otherY) || 1, x: (x + otherX) / 2, y: (y + otherY) / 2 };
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    moved = pointers.size > 1 ? Infinity : 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      act.hover(x, y);
      return;
    }
    const old = pointers.size === 2 ? spread() : null;
    pointers.set(event.pointerId, [x, y]);
    if (old) {
      const now = spread();
      act.pan(now.x - old.x, now.y - old.y);
      act.zoom(now.size / old.size, now.x, now.y);
    } else {
      moved += Math.hypot(x - before[0], y - before[1]);
      if (moved > CLICK) act.pan(x - before[0], y - before[1]);
    }
  });
  const end = (event) => {
    const isClick = pointers.delete(event.pointerId) && event.type === "pointerup" && moved <= CLICK;
    if (isClick) act.click(...at(event));
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => act.leave());
  canvas.addEventListener("dblclick", (event) => act.zoom(2, ...at(event)));
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (wheel === "focused" && !event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
      act.zoom(Math.exp(-Math.max(-200, Math.min(200, pixels)) * (event.ctrlKey ? 0.01 : 0.002)), ...at(event));
    },
    { passive: false },
  );

  const arrows = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const keys = {
    "+": () => act.zoom(1.4),
    "=": () => act.zoom(1.4),
    "-": () => act.zoom(1 / 1.4),
    0: () => act.fit(),
    Home: () => act.walk(-Infinity),
    End: () => act.walk(Infinity),
    PageUp: () => act.walk(-1),
    PageDown: () => act.walk(1),
    Escape: () => act.clear(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) act.pan(-arrow[0] * PAN, -arrow[1] * PAN);
    else if (arrow) act.step(...arrow);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
}

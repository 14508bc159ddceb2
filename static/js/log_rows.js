// New entries come in on top. Where one reads further down, the browser keeps the place; where the top of the list is in
// view, the rows beneath slide to their new place instead of jumping.
(() => {
  "use strict";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let rows = [];
  let before;
  document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
    rows = detail.target.id === "log-rows" ? [...detail.target.rows] : [];
    before = rows[0]?.getBoundingClientRect().top;
  });
  document.addEventListener("htmx:oobAfterSwap", () => {
    const moved = before >= 0 && rows[0].getBoundingClientRect().top - before;
    // further down nothing is moved: a browser does not keep the place where something moves by itself
    if (!moved || calm.matches) return;
    const steps = [{ transform: `translateY(${-moved}px)` }, { transform: "none" }];
    rows.forEach((row) => row.animate(steps, { duration: 240, easing: "ease-out" }));
    rows[0].getBoundingClientRect();  // where they begin is drawn first
    [rows, before] = [[], undefined];
  });
})();

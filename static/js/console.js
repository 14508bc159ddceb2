// Behind the sign-in. A page that is open stays true: it asks what has changed, and how long ago is counted on. And
// keys: / searches, j and k go through the page's list, g and a letter leads to a page, ? shows them all.
(() => {
  "use strict";
  const root = document.documentElement;
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const announce = (text) => document.dispatchEvent(new CustomEvent("announce", { detail: text }));

  // ---- times -------------------------------------------------------------------------------------------------------
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const words = new Intl.RelativeTimeFormat(root.lang, { numeric: "always" });
  const two = (number) => String(number).padStart(2, "0");
  const stopwatch = (seconds) => {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  };
  const say = (place, text) => { if (place.textContent !== text) place.textContent = text; };
  const tick = () => all("time").forEach((time) => {
    const passed = Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000);
    if ("lag" in time.dataset) {
      say(time, stopwatch(Math.max(passed, 0)));
      return;
    }
    // one that is told by the clock does not grow old; nor does one of weeks, while a page is open
    if (/\d:\d/.test(time.textContent) || passed < 60 || passed >= 7 * 86400) return;
    const [unit, size] = UNITS.find(([, each]) => passed >= each);
    say(time, words.format(-Math.floor(passed / size), unit).replace(/(\d+)\s?/, "$1\u00a0"));
  });
  setInterval(() => { if (!document.hidden) tick(); }, 1000);

  // ---- what has changed ----------------------------------------------------------------------------------------------
  // Nodes stay where they are and are given what differs: so the focus, what is folded out and the place on the page stay.
  const OWN = new Set(["open", "aria-busy", "data-done", "data-new"]);  // what a person or a script did
  const putAttributes = (old, now) => {
    for (const { name } of [...old.attributes]) if (!now.hasAttribute(name) && !OWN.has(name)) old.removeAttribute(name);
    for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  };
  const put = (old, now) => {
    if (old.isEqualNode(now)) return;
    // other words are another node, so that none is seen to move because it is longer or shorter now
    const isOther = old.nodeName !== now.nodeName || old.id !== now.id || old.nodeType !== Node.ELEMENT_NODE
      || (!old.childElementCount && old.textContent !== now.textContent && old !== document.activeElement);
    if (isOther) old.replaceWith(document.importNode(now, true));
    else {
      putAttributes(old, now);
      putChildren(old, now);
    }
  };
  const putChildren = (old, now) => {
    const [were, are] = [[...old.childNodes], [...now.childNodes]];
    are.forEach((node, at) => (were[at] ? put(were[at], node) : old.append(document.importNode(node, true))));
    were.slice(are.length).forEach((node) => node.remove());
  };

  // a row must not become another one under the finger of who is about to open it, nor a text while it is marked
  const isHeld = (region) => {
    const marked = getSelection();
    return (!marked.isCollapsed && marked.containsNode(region, true))
      || (region.matches("[data-live=recent]") && region.contains(document.activeElement))
      || region.closest("[aria-busy=true]");
  };
  const markNew = (region, change) => {
    const newest = () => Math.max(0, ...all("[data-number]", region).map((row) => Number(row.dataset.number)));
    const before = newest();
    all("[data-new]", region).forEach((row) => row.removeAttribute("data-new"));
    change();
    if (before) all("[data-number]", region).forEach((row) => row.toggleAttribute("data-new", row.dataset.number > before));
  };

  const main = find("[data-live-url]");
  const EVERY = main?.dataset.liveUrl.includes("?") ? 4000 : 20000;
  const LONGEST = 60000;
  let version = "";
  let parts = null;
  let failures = 0;
  let timer;
  let asking = false;

  const heard = () => new Set(all("[data-say]").map((place) => place.dataset.say));
  const show = () => {
    const before = heard();
    let held = false;
    for (const now of all("[data-live]", parts)) {
      for (const region of all(`[data-live="${now.dataset.live}"]`)) {
        if (isHeld(region)) held = true;
        else markNew(region, () => putChildren(region, now));
      }
    }
    newest = find("[data-live=figures]", parts)?.dataset.settled ?? newest;
    if (!held) parts = null;
    tick();
    const said = [...heard()].filter((text) => !before.has(text));
    if (said.length) announce(said.join(" "));
  };

  // the Exchange's own figures are old once it has counted more of our entries: they are asked for, now and then
  const FIGURES_EVERY = 15000;
  const card = () => find("#snapshot");
  let settled = find("[data-live=figures]")?.dataset.settled;
  let newest = settled;
  let asked = Date.now();
  const refreshFigures = () => {
    if (newest === settled || !card() || Date.now() - asked < FIGURES_EVERY) return;
    [settled, asked] = [newest, Date.now()];
    htmx.trigger(card(), "behind");
  };

  const away = (why) => {
    if (root.dataset.away === why) return;
    if (why) root.dataset.away = why;
    else delete root.dataset.away;
    if (why) announce(find(`.if-${why}`)?.textContent || "");
  };
  const again = (wait) => {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(ask, wait);
  };
  const ask = async () => {
    clearTimeout(timer);
    if (asking || document.hidden) return;
    asking = true;
    try {
      const url = new URL(main.dataset.liveUrl, location.href);
      url.searchParams.set("v", version);
      url.searchParams.set("whose", main.dataset.whose);
      if (find(".guide")) url.searchParams.set("guide", "1");
      const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" }, signal: AbortSignal.timeout(10000) });
      // signed out, or somebody else has signed in here
      if (answer.redirected || answer.status === 409) {
        away("ended");
        return;  // not asked again: whoever goes on is led to the sign-in
      }
      if (!answer.ok) throw new Error(String(answer.status));
      if (answer.status !== 204) {
        const text = await answer.text();
        parts = new DOMParser().parseFromString(text, "text/html").body;
        version = answer.headers.get("X-Version") || "";
      }
      failures = 0;
      away("");
      if (parts) show();
      if (!parts) refreshFigures();
      again(EVERY);
    } catch {
      failures += 1;
      // one that is lost is nothing yet
      if (failures > 1) away("unreached");
      again(Math.min(EVERY * 2 ** failures, LONGEST));
    } finally {
      asking = false;
    }
  };
  if (main) {
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : again(0)));
    addEventListener("online", () => again(0));
    again(EVERY);
  }

  // ---- keys --------------------------------------------------------------------------------------------------------
  const ROWS = "[data-row], .as-rows tbody th a, .recent a, .keys h2 a, .tiles h2 a";
  const SEARCH = "main [data-search], main input[type=search]";
  const help = find("#shortcuts");
  // a browser may have no such storage, or forbid it
  const kept = (change) => {
    try {
      return change(localStorage);
    } catch {
      return null;
    }
  };
  const isOn = () => kept((storage) => storage.getItem("shortcuts")) !== "off";
  const rows = () => all(ROWS, main || document).filter((row) => row.getClientRects().length);
  const rowOf = (place) => rows().find((row) => row === place || row.closest("tr, li")?.contains(place));
  const step = (by) => {
    const list = rows();
    const at = list.indexOf(rowOf(document.activeElement));
    const next = at < 0 ? (by > 0 ? 0 : -1) : at + by;
    list[next]?.focus();
    return Boolean(list[next]);
  };
  const showCap = () => {
    const field = find(SEARCH);
    if (!field || field.hasAttribute("aria-keyshortcuts")) return;
    field.setAttribute("aria-keyshortcuts", "/");
    if (!field.parentElement.matches(".affix") || find(".after", field.parentElement)) return;
    field.insertAdjacentHTML("afterend", "<kbd aria-hidden=\"true\">/</kbd>");
  };
  const isTyping = (place) => place.matches?.("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]");

  let led = 0;
  const onLetter = (event) => {
    const { key } = event;
    if (led > Date.now()) {
      led = 0;
      const link = /^[a-z]$/.test(key) && find(`[data-go="${key}"]`, help);
      if (link) link.click();
      return Boolean(link);
    }
    if (key === "g") led = Date.now() + 1500;
    else if (key === "/") {
      const field = find(SEARCH);
      field?.focus();
      field?.select();
      return Boolean(field);
    } else if (key === "?") help.showModal();
    else if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
    else return false;
    return true;
  };
  const onArrow = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    // elsewhere the arrows scroll, as they always do
    if (!by || !(rowOf(event.target) || (event.target.matches(SEARCH) && by > 0))) return false;
    return step(by);
  };
  const onEscape = ({ target }) => {
    if (target.matches?.(SEARCH)) {
      if (target.value) {
        target.value = "";
        target.dispatchEvent(new Event("input", { bubbles: true }));
        target.dispatchEvent(new Event("search", { bubbles: true }));
      }
      main.focus({ preventScroll: true });
      return true;
    }
    const folded = !isTyping(target) && target.closest?.("details[open]");
    if (!folded) return false;
    folded.open = false;
    find("summary", folded)?.focus();
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
    if (event.key === "Escape" ? onEscape(event) : onArrow(event) || (!isTyping(event.target) && isOn() && onLetter(event))) event.preventDefault();
  });
  if (help) {
    const toggle = find("[data-shortcuts]", help);
    const mark = () => root.toggleAttribute("data-no-shortcuts", !isOn());
    toggle.checked = isOn();
    toggle.addEventListener("change", () => {
      kept((storage) => storage.setItem("shortcuts", toggle.checked ? "on" : "off"));
      mark();
    });
    mark();
    document.addEventListener("click", (event) => {
      if (event.target.closest("[data-opens=shortcuts]")) help.showModal();
      else if (event.target === help) help.close();
    });
  }
  document.addEventListener("htmx:afterSettle", showCap);
  showCap();
})();

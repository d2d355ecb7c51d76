/* Fetches the parts of an open page anew when the gateway says that something changed. It sends
   nothing, and rests while nobody is there, so that an idle log-in ends in its time. */
"use strict";
(() => {
  const status = document.getElementById("live");
  if (!status || !window.EventSource) { return; }
  const REST = 10 * 60 * 1000;
  let stream = null, lastTouch = Date.now(), busy = false, again = false;

  const say = (text) => { if (status.textContent !== text) { status.textContent = text; } };
  const renew = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) { return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        if (!fresh || fresh.innerHTML === part.innerHTML) { continue; }
        const held = part.contains(document.activeElement) ? document.activeElement : null;
        const link = held ? held.getAttribute("href") : null;
        part.className = fresh.className;
        part.replaceChildren(...fresh.childNodes);
        const same = link && [...part.querySelectorAll("a")].find((a) => a.getAttribute("href") === link);
        if (same) { same.focus({ preventScroll: true }); }
      }
    } catch { close(); } finally {
      busy = false;
      if (again) { again = false; renew(); }
    }
  };
  const close = () => { if (stream) { stream.close(); stream = null; } say(status.dataset.paused); };
  const open = () => {
    if (stream) { return; }
    stream = new EventSource(status.dataset.changes);
    stream.addEventListener("changed", renew);
    stream.addEventListener("open", () => { say(status.dataset.on); renew(); });
    stream.addEventListener("error", () => { if (stream && stream.readyState === 2) { close(); } });
  };
  const touched = () => { lastTouch = Date.now(); if (!document.hidden) { open(); } };
  for (const kind of ["pointerdown", "pointermove", "keydown", "scroll"]) {
    addEventListener(kind, touched, { passive: true });
  }
  document.addEventListener("visibilitychange", () => { if (document.hidden) { close(); } else { touched(); } });
  addEventListener("pagehide", close);
  setInterval(() => { if (stream && Date.now() - lastTouch > REST) { close(); } }, 15000);
  open();
})();

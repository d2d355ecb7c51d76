/* Keeps a wall screen true: asks for the page anew, counts the seconds since the gateway was last
   heard, and says so in red when they grow. It sends nothing. */
"use strict";
(() => {
  const wall = document.getElementById("wall");
  const heard = document.getElementById("heard"), age = document.getElementById("age");
  const silent = document.getElementById("silent"), awake = document.getElementById("awake");
  const LOOK = Number(wall.dataset.look) * 1000, PATIENCE = 20000, LONGEST = 10000;
  let last = Date.now(), lock = null;

  const told = (words, seconds) => words.replace("{seconds}", String(seconds));
  const look = async () => {
    const stop = new AbortController(), timer = setTimeout(() => stop.abort(), LONGEST);
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin", redirect: "error", signal: stop.signal });
      if (!answer.ok) { return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.getElementById("wall")) { location.reload(); return; }
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        if (fresh.innerHTML === part.innerHTML && fresh.className === part.className) { continue; }
        part.className = fresh.className;
        part.replaceChildren(...fresh.childNodes);
      }
      const moment = page.getElementById("heard");
      heard.textContent = moment.textContent;
      heard.dateTime = moment.dateTime;
      last = Date.now();
    } catch { /* the age tells it */ } finally {
      clearTimeout(timer);
    }
  };
  const tick = () => {
    const seconds = Math.round((Date.now() - last) / 1000), stale = Date.now() - last > PATIENCE;
    age.textContent = told(wall.dataset.heard, seconds);
    document.body.classList.toggle("stale", stale);
    silent.hidden = !stale;
    if (stale) { silent.textContent = told(wall.dataset.silent, seconds); }
  };
  const wake = async () => {
    if (lock || document.hidden) { return; }
    try {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => { lock = null; awake.textContent = wall.dataset.sleepy; });
      awake.textContent = wall.dataset.awake;
    } catch { awake.textContent = wall.dataset.sleepy; }
  };
  document.addEventListener("visibilitychange", () => { wake(); look(); });
  const again = async () => { await look(); setTimeout(again, LOOK); };
  setTimeout(again, LOOK);
  setInterval(tick, 1000);
  wake();
})();

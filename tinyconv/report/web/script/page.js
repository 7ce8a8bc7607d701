// The page itself: light or dark, the section that is read, receptive fields that light up, pages that print whole.
(function () {
  const button = document.querySelector(".theme");
  const modes = ["auto", "light", "dark"];
  let mode = 0;
  button.hidden = false;
  button.addEventListener("click", () => {
    mode = (mode + 1) % modes.length;
    button.textContent = "Theme: " + modes[mode];
    if (mode === 0) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = modes[mode];
  });

  const links = new Map(Array.from(document.querySelectorAll(".bar nav a"), (link) => [link.hash.slice(1), link]));
  const reading = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      const link = links.get(entry.target.id);
      if (link) {
        link.setAttribute("aria-current", "true");
        link.parentNode.scrollTo({ left: link.offsetLeft - 120 });
      }
    }
  }, { rootMargin: "-30% 0px -65% 0px" });
  for (const section of document.querySelectorAll("main > section")) reading.observe(section);

  for (const row of document.querySelectorAll("tr[data-field]")) {
    const boxes = document.querySelectorAll(".sees rect");
    const light = (name) => boxes.forEach((box) => box.classList.toggle("dim", name !== null && box.dataset.field !== name));
    row.addEventListener("pointerenter", () => light(row.dataset.field));
    row.addEventListener("pointerleave", () => light(null));
  }

  // A map that was clicked leads on to what its unit looks for.
  document.addEventListener("tc-channel", (event) => {
    const anchor = event.detail.layer + "/" + event.detail.channel;
    const film = event.target;
    film.querySelector(".to-unit")?.remove();
    if (!document.getElementById(anchor)) return;
    const line = document.createElement("p");
    line.className = "to-unit";
    const link = document.createElement("a");
    link.href = "#" + encodeURIComponent(anchor);
    link.textContent = "What unit " + anchor + " looks for";
    line.append(link);
    film.append(line);
  });

  // A place inside something that is folded up is unfolded before it is shown.
  function reveal() {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = place?.closest("details");
    if (!folded) return;
    folded.open = true;
    place.scrollIntoView({ behavior: "instant" });
  }
  window.addEventListener("hashchange", reveal);
  reveal();

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    for (const detail of closed) detail.open = true;
  });
  window.addEventListener("afterprint", () => { for (const detail of closed) detail.open = false; });
})();

// Which image's explanations are shown, and whether they lie over it.
for (const root of document.querySelectorAll(".explain")) {
  const buttons = Array.from(root.querySelectorAll(".cases button"));
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      for (const one of root.querySelectorAll(".case")) one.hidden = one.dataset.case !== button.dataset.case;
    });
  }
  const over = root.querySelector(".over input");
  over.addEventListener("change", () => root.classList.toggle("blended", over.checked));
}

// Questions of a form are dragged to another place. The arrows beside them do the same, and need no script.
(() => {
  "use strict";
  const body = document.querySelector("[data-drag]");
  if (!body) return;
  let dragged = null;
  let before = [];

  for (const row of body.rows) row.draggable = true;
  body.addEventListener("dragstart", (event) => {
    dragged = event.target.closest("tr");
    // A link in a row is not the row.
    if (!dragged || event.target !== dragged) { dragged = null; return; }
    before = [...body.rows];
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.id);
    dragged.classList.add("dragged");
  });
  body.addEventListener("dragover", (event) => {
    const over = event.target.closest("tr");
    if (!dragged || !over) return;
    event.preventDefault();
    if (over === dragged) return;
    const rows = [...body.rows];
    const up = rows.indexOf(over) < rows.indexOf(dragged);
    const box = over.getBoundingClientRect();
    const part = (event.clientY - box.top) / box.height;
    // Not at the very edge, so that a low row does not flicker around a high one.
    if (up && part < 0.75) over.before(dragged);
    if (!up && part > 0.25) over.after(dragged);
  });
  body.addEventListener("drop", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const place = [...body.rows].indexOf(dragged);
    if (place === before.indexOf(dragged)) return;
    const move = document.createElement("input");
    move.type = "hidden";
    move.name = "_move";
    move.value = `to:${dragged.id.replace("question-", "")}:${place}`;
    const form = body.closest("form");
    form.append(move);
    before = [];
    form.submit();
  });
  body.addEventListener("dragend", () => {
    // Let go elsewhere, or given up: everything where it was.
    if (before.length) body.append(...before);
    if (dragged) dragged.classList.remove("dragged");
    dragged = null;
  });
})();

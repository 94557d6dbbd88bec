(() => {
  "use strict";
  const most = 200;
  const byId = (id) => document.getElementById(id);
  const bar = document.querySelector(".filter"), input = byId("file-filter"), sort = byId("file-sort");
  const result = byId("file-result"), body = result.querySelector("tbody"), count = byId("file-count");
  const number = new Intl.NumberFormat("en");
  let files = null;

  function readFiles() {
    const line = /^(.{64})  ( *[\d,]+)  (.*?)  (.*)$/;
    files = [];
    for (const listing of document.querySelectorAll(".listing"))
      for (const each of listing.textContent.split("\n")) {
        const found = line.exec(each);
        if (found) files.push({ digest: found[1], size: Number(found[2].replaceAll(",", "")), state: found[3], path: found[4], text: each.toLowerCase() });
      }
  }

  function add(parent, tag, text, label) {
    const element = parent.appendChild(document.createElement(tag));
    element.textContent = text;
    if (label) element.dataset.label = label;
    return element;
  }

  function show() {
    if (!files) readFiles();
    const wanted = input.value.trim().toLowerCase(), key = sort.value;
    const found = wanted ? files.filter((file) => file.text.includes(wanted)) : [...files];
    const order = (file) => (key === "size" ? -file.size : file[key]);
    found.sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : a.path < b.path ? -1 : 1));
    body.textContent = "";
    for (const file of found.slice(0, most)) {
      const row = body.insertRow();
      const head = add(row, "th", "");
      head.scope = "row";
      add(head, "code", file.path);
      add(head, "small", " " + file.digest).className = "digest";
      add(row, "td", number.format(file.size), "Bytes").className = "number";
      add(row, "td", file.state, "Examined");
    }
    const rest = found.length > most ? `, the first ${most} below` : "";
    count.textContent = `${number.format(found.length)} of ${number.format(files.length)} files${rest}`;
    result.hidden = !wanted && key === "path";
  }

  input.addEventListener("input", show);
  sort.addEventListener("change", show);
  bar.hidden = false;
})();

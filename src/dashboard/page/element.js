/**
 * Creates an element with a class and children.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className empty: no class
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, className = '', ...children) {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

/**
 * Finds the element with this id.
 *
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id
 * @param {new () => Kind} [kind]
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found === null || (kind !== undefined && !(found instanceof kind)))
    throw new Error(`no element #${id} of the expected type`);
  return /** @type {Kind} */ (found);
}

/** Writes only a text that has changed: an unchanged one keeps its selection, and is not announced again. @param {Node} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A table whose first column holds the row headers. Where it has no room for all columns, each row is a list of its
 * cells, which then show their column's head; the roles keep it a table for screen readers.
 *
 * @param {string} caption for screen readers
 * @param {readonly string[]} heads
 * @param {readonly (readonly (string | Node)[])[]} rows
 * @param {readonly string[]} classes of the columns
 */
export function table(caption, heads, rows, classes = []) {
  // An empty corner is not a header.
  const head = row(
    ...styled(
      heads.map((text) => (text === '' ? cell('td', '') : scoped('col', text))),
      classes,
    ),
  );
  const body = rows.map(([first = '', ...texts]) =>
    row(
      ...styled([scoped('row', first), ...texts.map((text, at) => cell('td', text, heads[at + 1]))], classes),
    ),
  );
  const made = element(
    'table',
    '',
    element('caption', 'unseen', caption),
    group('thead', head),
    group('tbody', ...body),
  );
  made.role = 'table';
  return made;
}

/** @param {readonly HTMLElement[]} cells @param {readonly string[]} classes */
function styled(cells, classes) {
  for (const [at, each] of cells.entries()) each.className = classes[at] ?? '';
  return cells;
}

/** @param {'thead' | 'tbody'} tag @param {...HTMLElement} rows */
function group(tag, ...rows) {
  const made = element(tag, '', ...rows);
  made.role = 'rowgroup';
  return made;
}

/** @param {...HTMLElement} cells */
function row(...cells) {
  const made = element('tr', '', ...cells);
  made.role = 'row';
  return made;
}

/** @param {'td' | 'th'} tag @param {string | Node} content @param {string} [head] */
function cell(tag, content, head) {
  const made = element(tag, '', content);
  made.role = 'cell';
  if (head !== undefined) made.dataset['head'] = head;
  return made;
}

/** @param {'col' | 'row'} scope @param {string | Node} content */
function scoped(scope, content) {
  const made = cell('th', content);
  made.role = scope === 'col' ? 'columnheader' : 'rowheader';
  made.scope = scope;
  return made;
}

/** Replaces the table in `place`, cell by cell where both have the same number of cells. @param {HTMLElement} place @param {HTMLTableElement} next */
export function refresh(place, next) {
  const now = place.querySelector('table');
  const [cells, texts] = [now, next].map((node) => Array.from(node?.querySelectorAll('th, td') ?? []));
  if (now === null || cells?.length !== texts?.length) place.replaceChildren(next);
  else {
    for (const [at, cell] of (cells ?? []).entries()) {
      const text = texts?.[at];
      if (text !== undefined && cell.textContent !== text.textContent)
        cell.replaceChildren(...text.childNodes);
    }
  }
  fit(place);
}

/**
 * Gives `node` these children, and leaves those in place whose text is the same: they keep the focus and the selection.
 *
 * @param {Element} node
 * @param {readonly Node[]} children
 */
function refreshChildren(node, children) {
  const now = [...node.childNodes];
  for (const [at, child] of children.entries()) {
    const before = now[at];
    if (before === undefined) node.append(child);
    else if (before.textContent !== child.textContent || before.nodeName !== child.nodeName)
      before.replaceWith(child);
  }
  for (const surplus of now.slice(children.length)) surplus.remove();
}

/** Gives a list these items, as `refreshChildren` does. @param {HTMLElement} list @param {readonly HTMLElement[]} items */
export function refreshItems(list, items) {
  const now = [...list.children];
  for (const [at, item] of items.entries()) {
    const before = now[at];
    if (before === undefined) list.append(item);
    else refreshChildren(before, [...item.childNodes]);
  }
  for (const surplus of now.slice(items.length)) surplus.remove();
}

/** Shows rows as lists if the columns of the table do not fit. @param {HTMLElement} place */
function fit(place) {
  place.classList.remove('stacked');
  place.classList.toggle('stacked', place.scrollWidth > place.clientWidth);
}

/** Fits every table to a new width of the window. */
export function fitTables() {
  for (const place of document.querySelectorAll('.scroll')) fit(/** @type {HTMLElement} */ (place));
}

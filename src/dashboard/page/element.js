/**
 * A new element with its class and what is in it.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className empty: none
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
 * The element of the page with this id.
 *
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id
 * @param {new () => Kind} [kind]
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (found === null || (kind !== undefined && !(found instanceof kind))) throw new Error(`no element ${id}`);
  return /** @type {Kind} */ (found);
}

/** Writes only what is new: what stays keeps its selection, and is not read out again. @param {Node} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A table whose first column heads its rows.
 *
 * @param {string} caption for those who can't see where it stands
 * @param {readonly string[]} heads
 * @param {readonly (readonly string[])[]} rows
 */
export function table(caption, heads, rows) {
  // An empty corner heads nothing.
  const head = element('tr', '', ...heads.map((text) => (text === '' ? element('td') : scoped('col', text))));
  const body = rows.map(([first = '', ...cells]) =>
    element('tr', '', scoped('row', first), ...cells.map((text) => element('td', '', text))),
  );
  return element(
    'table',
    '',
    element('caption', 'unseen', caption),
    element('thead', '', head),
    element('tbody', '', ...body),
  );
}

/** @param {'col' | 'row'} scope @param {string} text */
function scoped(scope, text) {
  const cell = element('th', '', text);
  cell.scope = scope;
  return cell;
}

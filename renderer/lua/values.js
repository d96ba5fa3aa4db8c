// Turns a value of the page into JSON that Lua can have: null is "", functions and documents are nothing, nodes are
// marked by their place in the list of nodes. With `wanted` it returns that list instead.
function (wanted) {
  const MAX_DEPTH = 100, nodes = [];
  const TOO_DEEP = 'Object is too deep or recursive';
  const nothing = value => value === undefined || typeof value === 'function' || typeof value === 'symbol' ||
    value instanceof Document || value instanceof XMLHttpRequest;
  const convert = (value, depth) => {
    if (depth <= 0) throw TOO_DEEP;
    if (nothing(value)) return null;
    if (value === null) return '';
    if (typeof value === 'bigint') return Number(value);
    if (typeof value === 'number' && !Number.isFinite(value)) return {'\u0000number': String(value)};
    if (typeof value !== 'object') return value;
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return value.valueOf();
    if (value instanceof Date) return isNaN(value) ? '' : value.toISOString();
    if (value instanceof Node) { nodes.push(value); return {'\u0000node': nodes.length - 1}; }
    if (value instanceof NamedNodeMap) return Object.fromEntries(Array.from(value, item => [item.name, item.value]));
    if (value instanceof DOMTokenList) return Array.from(value);
    if (Array.isArray(value) || value instanceof NodeList || value instanceof HTMLCollection)
      return Array.from(value, item => convert(item, depth - 1));
    const result = {};
    for (const key in value) {
      const item = value[key];
      if (!nothing(item)) result[key] = convert(item, depth - 1);
    }
    return result;
  };
  const converted = convert(this, MAX_DEPTH);
  return wanted ? nodes : JSON.stringify(converted);
}

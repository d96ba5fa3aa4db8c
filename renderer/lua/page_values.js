// Converts a value of the page to plain values for Lua, by the rules of Splash's scripting reference: null becomes "";
// functions, documents and objects of a class become undefined, unless they have toJSON. A list of nodes becomes a
// mark, or with `wanted` an array of the nodes; nodes inside of other values become undefined.
function (wanted) {
  const MAX_DEPTH = 100;
  const TOO_DEEP = 'Object is too deep or recursive';
  const isPlain = value => {
    const prototype = Object.getPrototypeOf(value);
    // Also for objects of another frame.
    return prototype === null || Object.getPrototypeOf(prototype) === null;
  };
  const entries = (value, keys, depth) => {
    const result = {};
    for (const key of keys) {
      const item = convert(value[key], depth - 1);
      if (item !== undefined) result[key] = item;
    }
    return result;
  };
  const convert = (value, depth) => {
    if (depth <= 0) throw new Error(TOO_DEEP);
    if (value === null) return '';
    if (typeof value === 'function' || typeof value === 'symbol') return undefined;
    if (typeof value === 'bigint') return Number(value);
    if (typeof value === 'number' && !Number.isFinite(value))
      return isNaN(value) ? undefined : {'\u0000number': String(value)};
    if (typeof value !== 'object') return value;
    if (Array.isArray(value)) return Array.from(value, item => convert(item, depth - 1));
    if (isPlain(value)) return entries(value, Object.keys(value), depth);
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return value.valueOf();
    if (value instanceof Date) return isNaN(value) ? '' : value.toISOString();
    if (value instanceof NamedNodeMap) return Object.fromEntries(Array.from(value, item => [item.name, item.value]));
    if (value instanceof DOMTokenList) return Array.from(value);
    if (value instanceof DOMRectList) return Array.from(value, item => convert(item, depth - 1));
    if (value instanceof CSSStyleDeclaration) {
      const keys = [];
      for (const key in value) keys.push(key);
      return entries(value, keys, depth);
    }
    if (value instanceof DOMStringMap || value instanceof Storage) return entries(value, Object.keys(value), depth);
    return typeof value.toJSON === 'function' ? convert(value.toJSON(), depth - 1) : undefined;
  };
  const nodes = this instanceof NodeList || this instanceof HTMLCollection ? Array.from(this) : null;
  if (wanted) return nodes ?? [];
  return nodes ? '\u0000nodes' : convert(this, MAX_DEPTH);
}

"""The commands of forms: read their values, fill them in by field name, submit them."""

from __future__ import annotations

from typing import Any

from renderer.lua import page_values
from renderer.lua.lua_values import Element
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime
from renderer.tab.tab import Tab

FORM_VALUES = ("auto", "list", "first")

_FIELD_VALUE = """function () {
  if (this.type === 'checkbox') return this.checked;
  if (this.type === 'radio') return this.checked ? this.value : undefined;
  if (this.type === 'select-multiple') return Array.from(this.selectedOptions, option => option.value);
  return this.value === undefined ? '' : this.value;
}"""

# Without checkboxes that are not checked, and without groups of radio buttons that have no choice.
_FORM_VALUES = """function (kind) {
  const fields = new Map();
  for (const field of this.elements) {
    if (!field.name || field.tagName === 'FIELDSET' || field.tagName === 'OUTPUT') continue;
    if (!fields.has(field.name)) fields.set(field.name, []);
    fields.get(field.name).push(field);
  }
  const values = field => {
    if (field.type === 'checkbox' || field.type === 'radio') return field.checked ? [field.value] : [];
    if (field.type === 'select-multiple') return Array.from(field.selectedOptions, option => option.value);
    return [field.value];
  };
  const result = {};
  for (const [name, group] of fields) {
    const all = group.flatMap(values), first = group[0];
    const isPlural = first.type === 'select-multiple' || (first.type !== 'radio' && all.length > 1);
    if (kind === 'list' || (kind === 'auto' && isPlural)) { if (all.length || isPlural) result[name] = all; }
    else if (all.length) result[name] = first.type === 'checkbox' ? true : all[0];
  }
  return result;
}"""

_FILL = """function (values) {
  const tell = (field, name) => field.dispatchEvent(new Event(name, {bubbles: true}));
  for (const [name, given] of Object.entries(values)) {
    const fields = Array.from(this.elements).filter(field => field.name === name);
    if (!fields.length) throw new Error('the form has no field ' + name);
    const list = Array.isArray(given) ? given.map(String) : null;
    fields.forEach((field, index) => {
      field.focus();
      if (field.type === 'radio') field.checked = field.value === String(given);
      else if (field.type === 'checkbox') {
        field.checked = list ? list.includes(field.value) : Boolean(given);
      } else if (field.type === 'select-multiple') {
        for (const option of field.options) option.selected = (list || [String(given)]).includes(option.value);
      } else field.value = list ? (index in list ? list[index] : '') : String(given);
      tell(field, 'change');
      tell(field, 'input');
      field.blur();
    });
  }
}"""


class FormApi:
    """The commands of forms."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    def add_to(self, runtime: Runtime) -> None:
        for function in (self.field_value, self.form_values, self.submit):
            runtime.add(Command(f"element.{function.__name__}", function, bound=1))
            runtime.host.call(b"add_element_method", function.__name__.encode())
        runtime.add(Command("element.fill", self.fill, takes_table=True))
        runtime.host.call(b"add_element_method", b"fill")

    async def field_value(self, element: Any) -> Results:
        return Results((True, await self._call(element, _FIELD_VALUE)))

    async def form_values(self, element: Any, values: Any = "auto") -> Any:
        if values not in FORM_VALUES:
            raise LuaFailure(
                "element:form_values values can only be 'auto', 'first' or 'list'", argument="values"
            )
        if refused := await self._not_a_form(element):
            return refused
        return await self._call(element, _FORM_VALUES, values)

    async def fill(self, element: Any, values: Any = None) -> Any:
        if not isinstance(values, dict):
            raise LuaFailure("element:fill values is not a table", argument="values")
        if refused := await self._not_a_form(element):
            return refused
        await self._call(element, _FILL, {str(name): _list_or_value(value) for name, value in values.items()})
        return True

    async def submit(self, element: Any) -> Any:
        if refused := await self._not_a_form(element):
            return refused
        await self._call(element, "function () { HTMLFormElement.prototype.submit.call(this); }")
        return True

    async def _not_a_form(self, element: Any) -> Results | None:
        name = await self._call(element, "function () { return this.nodeName.toLowerCase(); }")
        if name == "form":
            return None
        reason = dom_error("NOT_COMPATIBLE_NODE_ERROR", f"Node should be 'form', but got '{name}'")
        return Results((False, reason))

    async def _call(self, element: Any, function: str, *arguments: Any) -> Any:
        if not isinstance(element, Element):
            raise LuaFailure("an element is expected")
        return await page_values.call(self._tab, element, function, arguments)


def dom_error(kind: str, message: str) -> str:
    """Return the reason that Splash's element methods return for an error."""
    return f"DOMError: {kind}: {message}"


def _list_or_value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return [value[key] for key in sorted(key for key in value if isinstance(key, int))]

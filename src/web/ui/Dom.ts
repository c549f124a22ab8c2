/** Makes elements. Text and attribute values are never parsed as HTML. */

type Child = Node | string | undefined | false

interface Props {
  readonly class?: string
  readonly attributes?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Styles are set through the object model, which the Content-Security-Policy of the page allows. */
  readonly style?: Readonly<Record<string, string>>
  readonly on?: { readonly [Type in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Type]) => void }
}

const apply = (element: HTMLElement, props: Props): void => {
  if (props.class !== undefined && props.class !== "") element.className = props.class
  for (const [name, value] of Object.entries(props.attributes ?? {}))
    if (value === true) element.setAttribute(name, "")
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value))
  for (const [name, value] of Object.entries(props.style ?? {})) element.style.setProperty(name, value)
  for (const [type, listener] of Object.entries(props.on ?? {}))
    element.addEventListener(type, (event) => Reflect.apply(listener, element, [event]))
}

/** Makes an element with its children. */
export const el = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Props = {},
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[Tag] => {
  const element = document.createElement(tag)
  apply(element, props)
  element.append(...children.filter((child) => child !== undefined && child !== false))
  return element
}

/** Makes a button that acts when it is pressed. */
export const button = (
  content: string,
  press: () => void,
  attributes: Props["attributes"] = {},
  className = "button"
): HTMLButtonElement =>
  el(
    "button",
    { class: className, attributes: { type: "button", ...attributes }, on: { click: press } },
    content
  )

/** Text that only screen readers present. */
export const hiddenText = (text: string): HTMLElement => el("span", { class: "visually-hidden" }, text)

let ids = 0

/** Returns an id that no other element of the page has. */
export const newId = (name: string): string => `${name}-${++ids}`

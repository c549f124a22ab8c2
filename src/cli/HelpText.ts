/** Formats help for a terminal of any width. Pure, and loads nothing, so that help appears at once. */
import type { HelpFlag, HelpPage } from "./HelpPage.ts"
import type { TerminalStyle } from "./TerminalStyle.ts"
import { fill, wrap } from "./WrapText.ts"

const codes = { bold: 1, dim: 2, cyan: 36, red: 31 }

const paint = (style: TerminalStyle, code: keyof typeof codes, text: string): string =>
  style.color && text !== "" ? `\u001b[${codes[code]}m${text}\u001b[0m` : text

/** A command for a shell, continued on further lines if it is too long. Quoted words stay together. */
const wrapCommand = (command: string, width: number): ReadonlyArray<string> => {
  const words = command.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []
  const lines = fill(words, width - 6)
  return lines.map((line, at) => `${at === 0 ? "  " : "    "}${line}${at < lines.length - 1 ? " \\" : ""}`)
}

type Entry = readonly [name: string, description: string]

const narrow = 72

/** Two columns, or a name above its description if the terminal is narrow. */
const table = (entries: ReadonlyArray<Entry>, style: TerminalStyle): ReadonlyArray<string> => {
  const { width } = style
  const name = (lines: ReadonlyArray<string>) => lines.map((line) => paint(style, "cyan", line))
  const longest = Math.max(...entries.map(([left]) => left.length))
  if (width < narrow && longest > 14)
    return entries.flatMap(([left, right]) => [
      ...name(wrap(left, width, "  ")),
      ...wrap(right, width, "      ")
    ])
  const column = Math.min(longest, Math.floor(width * 0.32))
  const indent = " ".repeat(column + 4)
  return entries.flatMap(([left, right]) => {
    const lines = wrap(right, width, indent)
    if (left.length > column) return [...name(wrap(left, width, "  ")), ...lines]
    const [first = ""] = lines
    return [
      `  ${paint(style, "cyan", left)}${" ".repeat(column - left.length + 2)}${first.trimStart()}`.trimEnd(),
      ...lines.slice(1)
    ]
  })
}

const flagName = ({ names, value }: HelpFlag): string =>
  `${names.join(", ")}${value === undefined ? "" : ` ${value}`}`

const section = (
  title: string,
  entries: ReadonlyArray<Entry>,
  style: TerminalStyle
): ReadonlyArray<string> =>
  entries.length === 0 ? [] : ["", paint(style, "bold", title), ...table(entries, style)]

const nameOf = (page: HelpPage): string => page.path.join(" ")

/** Formats a page of help. No line is wider than the terminal. */
export const render = (page: HelpPage, style: TerminalStyle): string => {
  const { width } = style
  const [command = ""] = page.path
  const flags = page.flags.map((flag): Entry => [flagName(flag), flag.description])
  const global = page.globalFlags.map((flag): Entry => [flagName(flag), flag.description])
  const isRoot = page.path.length === 1
  const examples = page.examples.flatMap(({ command, description }) => [
    ...wrap(description, width, "  # ").map((line) => paint(style, "dim", line)),
    ...wrapCommand(command, width)
  ])
  return [
    ...wrap(page.description, width, ""),
    "",
    ...wrap(`Usage: ${page.usage}`, width, ""),
    ...(examples.length === 0 ? [] : ["", paint(style, "bold", "Examples"), ...examples]),
    ...section(
      "Commands",
      page.commands.map(({ description, name }): Entry => [name, description]),
      style
    ),
    ...section(
      "Arguments",
      page.arguments.map(({ description, name }): Entry => [name, description]),
      style
    ),
    ...section("Flags", isRoot ? [...flags, ...global] : flags, style),
    "",
    ...(page.commands.length > 0
      ? wrap(`More about a command: ${nameOf(page)} COMMAND --help`, width, "")
      : wrap(
          `Every command also has ${page.globalFlags.map(({ names }) => names[0]).join(", ")}: ${command} --help`,
          width,
          ""
        ))
  ].join("\n")
}

/** Formats a mistake on the command line: first what is wrong, then how to do it right. */
export const renderMistake = (
  page: HelpPage | undefined,
  messages: ReadonlyArray<string>,
  style: TerminalStyle
): string => {
  const { width } = style
  const mistakes = messages.map((message) => paint(style, "red", message))
  if (page === undefined) return mistakes.join("\n")
  const [example] = page.examples
  const commands = page.commands.map(({ name }) => name).join(", ")
  return [
    ...mistakes,
    "",
    ...wrap(`Usage: ${page.usage}`, width, ""),
    ...(example === undefined ? [] : ["Example:", ...wrapCommand(example.command, width)]),
    ...(commands === "" ? [] : wrap(`Commands: ${commands}`, width, "")),
    ...wrap(`More: ${nameOf(page)} --help`, width, "")
  ].join("\n")
}

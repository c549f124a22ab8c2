/** Answers that need no parser: the version and help. They load neither Effect nor Codex's engine nor OpenTelemetry. */
import { version } from "../internal/version.ts"
import { pages } from "./generated/helpPages.ts"
import { code } from "./ExitCode.ts"
import * as HelpText from "./HelpText.ts"
import type { TerminalStyle } from "./TerminalStyle.ts"

export interface QuickAnswer {
  readonly stream: "stdout" | "stderr"
  readonly text: string
  readonly code: number
}

export const versionText = `effect-codex v${version}`

/**
 * Returns the answer to `--version`, to `COMMAND --help`, and to a command that does nothing by itself. Other arguments need
 * the parser, also if they contain `--help` somewhere.
 */
export const of = (
  args: ReadonlyArray<string>,
  style: (stream: QuickAnswer["stream"]) => TerminalStyle
): QuickAnswer | undefined => {
  const last = args.at(-1)
  if (args.length === 1 && (last === "--version" || last === "-v"))
    return { stream: "stdout", text: versionText, code: code.completed }
  const isHelp = last === "--help" || last === "-h"
  const page = pages[["effect-codex", ...(isHelp ? args.slice(0, -1) : args)].join(" ")]
  if (page === undefined || page.path.length !== args.length + (isHelp ? 0 : 1)) return undefined
  if (isHelp) return { stream: "stdout", text: HelpText.render(page, style("stdout")), code: code.completed }
  // stdout carries only the result of a command. Here no command ran. A command with flags of its own does something by itself.
  return page.commands.length === 0 || page.flags.length > 0
    ? undefined
    : { stream: "stderr", text: HelpText.render(page, style("stderr")), code: code.usage }
}

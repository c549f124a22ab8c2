/**
 * The help of a command as plain data. The pages are generated from the declarations of the commands (`npm run docs`), so that
 * help appears without loading Effect and its parser.
 */

export interface HelpFlag {
  /** Such as `--config` and `-c`. */
  readonly names: ReadonlyArray<string>
  /** The name or the choices of the value, such as `DIR`; a flag without a value has none. */
  readonly value?: string | undefined
  readonly description: string
}

export interface HelpPage {
  /** The words of the command, such as `effect-codex` and `run`. */
  readonly path: ReadonlyArray<string>
  readonly description: string
  readonly usage: string
  readonly arguments: ReadonlyArray<{ readonly name: string; readonly description: string }>
  readonly flags: ReadonlyArray<HelpFlag>
  /** The flags that every command has. */
  readonly globalFlags: ReadonlyArray<HelpFlag>
  readonly commands: ReadonlyArray<{ readonly name: string; readonly description: string }>
  readonly examples: ReadonlyArray<{ readonly command: string; readonly description: string }>
}

export type HelpPages = Readonly<Record<string, HelpPage>>

/** Returns the page of the command that the arguments name, as far as they name one. */
export const find = (pages: HelpPages, args: ReadonlyArray<string>): HelpPage | undefined => {
  let path = "effect-codex"
  for (const arg of args) {
    if (arg === "--") break
    if (Object.hasOwn(pages, `${path} ${arg}`)) path = `${path} ${arg}`
    else if (!arg.startsWith("-")) break
  }
  return pages[path]
}

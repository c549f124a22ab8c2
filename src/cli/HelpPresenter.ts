/** Prints the help, the version and the mistakes that effect/cli finds. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as CliError from "effect/cli/CliError"
import type * as CliOutput from "effect/cli/CliOutput"
import type * as HelpDoc from "effect/cli/HelpDoc"
import type { HelpFlag, HelpPage } from "./HelpPage.ts"
import * as HelpText from "./HelpText.ts"
import * as QuickAnswer from "./QuickAnswer.ts"
import * as TerminalStyle from "./TerminalStyle.ts"

const choices = / \(choices: ([^)]*)\)$/

/** A flag whose value is one of some words shows the words: `--mode default|plan`. */
const toFlag = ({ aliases, description, name, type }: HelpDoc.FlagDoc): HelpFlag => {
  const text = Option.getOrElse(description, () => "")
  const [, words] = choices.exec(text) ?? []
  const value = words === undefined ? type : words.split(", ").join("|")
  return {
    names: [`--${name}`, ...aliases],
    ...(type === "boolean" ? {} : { value }),
    description: text.replace(choices, "")
  }
}

/** Converts the document that effect/cli makes of a declaration. */
export const toPage = (doc: HelpDoc.HelpDoc): HelpPage => ({
  path: doc.commandPath ?? [],
  description: doc.description,
  usage: doc.usage
    .replace(doc.flags.length === 0 ? " [flags]" : "", "")
    .replaceAll("<subcommand>", "COMMAND")
    .replaceAll(/<([^>]*)>/g, "$1"),
  arguments: (doc.args ?? []).map(({ description, name, variadic }) => ({
    name: variadic ? `${name}...` : name,
    description: Option.getOrElse(description, () => "")
  })),
  flags: doc.flags.map(toFlag),
  globalFlags: (doc.globalFlags ?? []).map(toFlag),
  commands: (doc.subcommands ?? []).flatMap(({ commands }) =>
    commands.map(({ description, name }) => ({ name, description }))
  ),
  examples: (doc.examples ?? []).map(({ command, description = "" }) => ({ command, description }))
})

const didYouMean = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : `; did you mean ${suggestions.join(" or ")}?`

const message = (error: CliError.NonShowHelpErrors, name: string): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `${error.command?.join(" ") ?? name} has no flag ${error.option}${didYouMean(error.suggestions)}`
    case "UnknownSubcommand":
      return `${error.parent?.join(" ") ?? name} has no command "${error.subcommand}"${didYouMean(error.suggestions)}`
    default:
      return error.message
  }
}

/** Help on stdout if it was requested. Mistakes come first and on stderr, with a short reminder. */
export const presenter: CliOutput.Presenter = {
  present: (event) => {
    switch (event._tag) {
      case "Version":
        return Console.log(QuickAnswer.versionText)
      case "Help":
        return event.reason === "Requested"
          ? Console.log(HelpText.render(toPage(event.helpDoc), TerminalStyle.of(process.stdout)))
          : Console.error(HelpText.render(toPage(event.helpDoc), TerminalStyle.of(process.stderr)))
      case "InvalidInvocation": {
        const page = toPage(event.helpDoc)
        const name = page.path.join(" ")
        const messages = event.errors.map((error) => message(error, name))
        return Console.error(HelpText.renderMistake(page, messages, TerminalStyle.of(process.stderr)))
      }
      default:
        return Effect.void
    }
  }
}

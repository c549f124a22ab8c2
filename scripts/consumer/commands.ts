/** Checks that a script uses every command of the installed command line. */
import { Effect } from "effect"

/** The names below "Commands" in a help page. */
const subcommands = (help: string): ReadonlyArray<string> =>
  (/^Commands\n((?: .*\n)*)/m.exec(help)?.[1] ?? "").split("\n").flatMap((line) => {
    const [, name] = /^ {2}([a-z]+(?:-[a-z]+)*) {2,}/.exec(line) ?? []
    return name === undefined ? [] : [name]
  })

/** Returns all commands without further subcommands, as words. */
const commandsOf = <E, R>(
  run: (...args: ReadonlyArray<string>) => Effect.Effect<string, E, R>,
  words: ReadonlyArray<string> = []
): Effect.Effect<ReadonlyArray<string>, E, R> =>
  Effect.gen(function* () {
    const names = subcommands(yield* run(...words, "--help"))
    if (names.length === 0) return [words.join(" ")]
    const nested = yield* Effect.forEach(names, (name) => commandsOf(run, [...words, name]))
    return nested.flat()
  })

/** Fails if a command is missing in the script, or if the help names no command. */
export const check = Effect.fnUntraced(function* <E, R>(
  script: string,
  run: (...args: ReadonlyArray<string>) => Effect.Effect<string, E, R>
) {
  const commands = yield* commandsOf(run)
  const missing = commands.filter((command) => !script.includes(`effect-codex ${command} `.trimEnd()))
  if (commands.length < 10 || missing.length > 0)
    return yield* Effect.fail(
      `of ${commands.length} commands, examples/cli.sh does not use: ${missing.join(", ")}`
    )
})

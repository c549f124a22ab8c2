/** The command line of the project's scripts: `--help`, and one line instead of a stack trace for an unknown option. */
import { parseArgs, type ParseArgsConfig } from "node:util"

/**
 * Parses the arguments of a script. Prints `usage` and exits with 0 for `--help`. For an unknown or incomplete option, prints
 * the mistake and `usage` on standard error and exits with 2.
 *
 * ```ts
 * const { values } = parseArguments("Usage: npm run attacks -- [--only ID]", { options: { only: { type: "string" } } })
 * ```
 */
export const parseArguments = <const Config extends ParseArgsConfig>(usage: string, config: Config) => {
  if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }
  try {
    return parseArgs(config)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}\n`)
    process.exit(2)
  }
}

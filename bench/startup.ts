/**
 * The CPU of the command line for its version, for help and for a mistake. `node bench/startup.ts [--quick] [--rounds N]`
 *
 * A round starts the compiled program once for each subject, in a changing order, and gets the user and system time of the
 * process from the shell. Node alone shows how much every program needs. First rounds do not count.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(15, 5)
const warmUp = 1
/** The maximum for the version and for help, in milliseconds. */
const bar = 250

const root = fileURLToPath(new URL("..", import.meta.url))
// Below node_modules, so that the program finds its dependencies.
const directory = join(root, "node_modules/.cache/startup")

const compile = (): string => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }\n')
  const dist = join(directory, "dist")
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  const { status, stdout } = spawnSync(
    process.execPath,
    [tsc, "--project", "tsconfig.build.json", "--outDir", dist],
    { cwd: root, encoding: "utf8" }
  )
  if (status !== 0) throw new Error(stdout)
  return join(dist, "cli/main.js")
}

/** Starts a program, and returns the milliseconds of CPU that it used. Fails if its exit code is another one. */
const cpuOf = (args: ReadonlyArray<string>, code: number): number => {
  const script = `"$@" >/dev/null 2>&1; test $? -eq ${code} || exit 9; times`
  const { status, stdout } = spawnSync("sh", ["-c", script, "sh", process.execPath, ...args], {
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`${args.join(" ")} does not exit with ${code}`)
  // The first line is the time of the shell, the second that of its children.
  const seconds = [...(stdout.split("\n")[1] ?? "").matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds)
  )
  if (seconds.length !== 2) throw new Error(`the shell printed ${JSON.stringify(stdout)}`)
  return seconds.reduce((sum, value) => sum + value) * 1000
}

const main = compile()
const subjects = [
  { name: "CPU of node alone", args: ["-e", "0"], code: 0 },
  { name: "CPU of --version", args: [main, "--version"], code: 0, bar },
  { name: "CPU of --help", args: [main, "--help"], code: 0, bar },
  { name: "CPU of run --help", args: [main, "run", "--help"], code: 0, bar },
  { name: "CPU of a mistake, which needs the parser", args: [main, "run", "--nonsense"], code: 2 }
]
const cpus = new Map(subjects.map(({ name }) => [name, [] as Array<number>]))
for (let round = -warmUp; round < rounds; round++)
  for (const { args, code, name } of Report.rotated(subjects, round + warmUp)) {
    const cpu = cpuOf(args, code)
    if (round >= 0) cpus.get(name)?.push(cpu)
  }
rmSync(directory, { recursive: true })

Report.finish(
  subjects.map(({ name, ...subject }) => ({
    name,
    ...Report.quartilesOf(cpus.get(name) ?? []),
    unit: "ms",
    bar: subject.bar
  }))
)

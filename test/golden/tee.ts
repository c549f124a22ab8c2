/**
 * Runs between this library and the real Codex and records the lines of both: `tee.ts <transcript> <codex> <args>`.
 */
import { spawn } from "node:child_process"
import { appendFileSync } from "node:fs"

const [transcript = "", command = "", ...args] = process.argv.slice(2)
const codex = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })

/** Forwards lines, and records each complete line before it forwards it. */
const pass = (from: NodeJS.ReadableStream, to: NodeJS.WritableStream, mark: "<" | ">") => {
  let buffered = ""
  from.setEncoding("utf8")
  from.on("data", (chunk: string) => {
    const lines = (buffered + chunk).split("\n")
    buffered = lines.pop() ?? ""
    for (const line of lines) {
      appendFileSync(transcript, `${JSON.stringify({ [mark]: JSON.parse(line) })}\n`)
      to.write(`${line}\n`)
    }
  })
  from.on("end", () => to.end())
}

pass(process.stdin, codex.stdin, "<")
pass(codex.stdout, process.stdout, ">")
process.on("SIGTERM", () => codex.kill("SIGTERM"))
codex.on("exit", (code) => process.exit(code ?? 1))

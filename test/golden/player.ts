/**
 * Replaces Codex and sends Codex's lines of a transcript, each after it has received the client's lines before it:
 * `player.ts <transcript> <places> <differences>`. Unexpected lines go to the file of differences.
 */
import { appendFileSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { isSame, type Line, localizer, type Message, normalizer, type Places } from "./wire.ts"

const [transcript = "", placesFile = "", differences = ""] = process.argv.slice(2)
const places: Places = JSON.parse(readFileSync(placesFile, "utf8"))
const lines: ReadonlyArray<Line> = readFileSync(transcript, "utf8")
  .split("\n")
  .filter((line) => line.startsWith('{"<"') || line.startsWith('{">"'))
  .map((line): Line => JSON.parse(line))
const local = localizer(places)
const normal = normalizer(places)

const received: Array<Message> = []
let next = 0

const isAnswerTo = (expected: Message) => (message: Message) =>
  expected.method === undefined
    ? message.method === undefined && message.id === expected.id
    : message.method === expected.method

const differ = (difference: object) => appendFileSync(differences, `${JSON.stringify(difference)}\n`)

const go = () => {
  for (let line = lines[next]; line !== undefined; line = lines[next]) {
    if (">" in line) process.stdout.write(`${JSON.stringify(local(line[">"]))}\n`)
    else {
      const expected = line["<"] as Message
      const found = received.findIndex(isAnswerTo(expected))
      if (found < 0) return
      const [message] = received.splice(found, 1)
      if (!isSame(expected, normal(message))) differ({ expected, actual: normal(message) })
    }
    next++
  }
}

const input = createInterface({ input: process.stdin })
input.on("line", (line) => {
  const message: Message = JSON.parse(line)
  received.push(message)
  go()
})
input.on("close", () => {
  for (const message of received) differ({ expected: null, actual: normal(message) })
  if (next < lines.length) differ({ expected: lines[next], actual: null })
  process.exit(0)
})

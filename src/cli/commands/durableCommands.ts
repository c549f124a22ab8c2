/** The commands of durable turns, `submit`, `turns`, `approvals` and `db`: their flags and descriptions. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"

const db = Options.database
const key = Argument.String("KEY").pipe(Argument.withDescription("The key of a turn, as `submit` prints it"))
const limit = Flag.Int("limit").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("The maximum number of lines; default: 20"),
  Flag.withDefault(20)
)
const thread = (description: string) => Options.text("thread", "ID", description)

const submitFlags = {
  db,
  key: Flag.String("key").pipe(
    Flag.withMetavar("KEY"),
    Flag.withDescription("Identifies the turn: the same submission with the same key finds the first turn")
  ),
  thread: thread("The durable thread, new or not, under a name of your choice; default: a new one"),
  cd: Options.text("cd", "DIR", "The directory to work in; default: the current directory for a new thread"),
  model: Options.text("model", "M", "The model to use"),
  effort: Options.text("effort", "E", "The reasoning effort, such as low, medium or high"),
  sandbox: Options.sandbox(
    "What commands can access without approval; default: workspace-write, or the thread's own"
  ),
  network: Options.boolean("network", "Let sandboxed commands use the network; needs --sandbox"),
  addDir: Flag.String("add-dir").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("A further directory to work in and to write; can be repeated"),
    Flag.atLeast(0)
  ),
  mode: Flag.Literals("mode", ["default", "plan"]).pipe(
    Flag.withDescription("plan: propose a plan instead of changing files; default: the thread's own"),
    Flag.optional
  ),
  tokens: Flag.Int("max-tokens").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The maximum number of input and output tokens; the turn stops when it exceeds it"),
    Flag.optional
  ),
  timeout: Options.timeout("The maximum duration of the turn: 500ms, 20s, 5m, 1h30m; default: the worker's"),
  recovery: Flag.Literals("recovery", ["continue", "fail"]).pipe(
    Flag.withDescription("What to do if the engine dies during the turn; default: the worker's"),
    Flag.optional
  ),
  user: Options.text("user", "NAME", "The user of a new thread; only a keyed hash is stored"),
  team: Options.text("team", "NAME", "The team of a new thread, for telemetry"),
  json: Options.json("Print the turn as a line of JSON on stdout"),
  prompt: Argument.String("PROMPT").pipe(
    Argument.withDescription("What to do; read from stdin if it is missing or -"),
    Argument.optional
  )
}

export type SubmitInput = Command.Command.Config.Infer<typeof submitFlags>

export const submit = Command.make("submit", submitFlags).pipe(
  Command.withDescription("Submit a durable turn, print its key, and return at once"),
  Command.withExamples([
    {
      command:
        'effect-codex submit --db sqlite:state/turns.db --key build-1842 --cd ../app "Fix the failing test"',
      description: "A worker with the same database runs it"
    }
  ])
)

export const turns = Command.make("turns").pipe(
  Command.withDescription("List, watch and interrupt durable turns")
)

const turnsListFlags = {
  db,
  thread: thread("List only the turns of this durable thread"),
  status: Flag.Literals("status", [
    "submitted",
    "running",
    "waiting",
    "completed",
    "failed",
    "interrupted"
  ]).pipe(Flag.withDescription("List only turns in this state"), Flag.optional),
  limit,
  json: Options.json("Print JSON on stdout, one line per turn")
}

export type TurnsListInput = Command.Command.Config.Infer<typeof turnsListFlags>

export const turnsList = Command.make("list", turnsListFlags).pipe(
  Command.withDescription("List durable turns, the newest first"),
  Command.withExamples([
    {
      command: "effect-codex turns list --db sqlite:state/turns.db --status waiting",
      description: "The turns that wait for an approval or an answer"
    }
  ])
)

const watchFlags = {
  db,
  key,
  json: Options.json("Print every event as a line of JSON on stdout")
}

export type TurnsWatchInput = Command.Command.Config.Infer<typeof watchFlags>

export const turnsWatch = Command.make("watch", watchFlags).pipe(
  Command.withDescription("Show what a durable turn did so far and does, until it ends"),
  Command.withExamples([
    {
      command: "effect-codex turns watch build-1842 --db sqlite:state/turns.db",
      description: "The exit code is that of `run`"
    }
  ])
)

const interruptFlags = { db, key }

export type TurnsInterruptInput = Command.Command.Config.Infer<typeof interruptFlags>

export const turnsInterrupt = Command.make("interrupt", interruptFlags).pipe(
  Command.withDescription("Interrupt a durable turn, or take it out of its queue"),
  Command.withExamples([
    {
      command: "effect-codex turns interrupt build-1842 --db sqlite:state/turns.db",
      description: "Its worker interrupts it"
    }
  ])
)

export const approvals = Command.make("approvals").pipe(
  Command.withDescription("List, show and answer the approval requests of durable turns")
)

const id = Argument.String("ID").pipe(
  Argument.withDescription("The id of a request, as `approvals list` prints it")
)

const approvalsListFlags = {
  db,
  all: Options.boolean("all", "List also the requests that are decided, expired or withdrawn"),
  thread: thread("List only the requests of this durable thread"),
  limit,
  json: Options.json("Print JSON on stdout, one line per request")
}

export type ApprovalsListInput = Command.Command.Config.Infer<typeof approvalsListFlags>

export const approvalsList = Command.make("list", approvalsListFlags).pipe(
  Command.withDescription("List approval requests, the oldest first"),
  Command.withExamples([
    {
      command: "effect-codex approvals list --db sqlite:state/turns.db",
      description: "The requests that wait for a decision"
    }
  ])
)

const approvalsShowFlags = { db, id, json: Options.json("Print JSON on stdout") }

export type ApprovalsShowInput = Command.Command.Config.Infer<typeof approvalsShowFlags>

export const approvalsShow = Command.make("show", approvalsShowFlags).pipe(
  Command.withDescription("Show an approval request completely, with its hash and its decision"),
  Command.withExamples([
    {
      command: "effect-codex approvals show 7c1f --db sqlite:state/turns.db",
      description: "Everything that the decision is about"
    }
  ])
)

const approvalsAnswerFlags = {
  db,
  id,
  decision: Argument.Literals("DECISION", ["accept", "decline", "accept-for-session"]).pipe(
    Argument.withDescription("accept-for-session also accepts identical requests of the thread")
  ),
  hash: Options.text(
    "hash",
    "HASH",
    "The hash that `approvals show` printed: the answer is refused if the request is another one"
  ),
  reason: Options.text("reason", "TEXT", "Why the request is declined"),
  answer: Flag.String("answer").pipe(
    Flag.withMetavar("QUESTION=TEXT"),
    Flag.withDescription("The answer to a question of the agent, by its id; can be repeated"),
    Flag.atLeast(0)
  ),
  by: Options.text("by", "NAME", "Who decides, for the audit; default: the name of this user"),
  json: Options.json("Print the decided request as JSON on stdout")
}

export type ApprovalsAnswerInput = Command.Command.Config.Infer<typeof approvalsAnswerFlags>

export const approvalsAnswer = Command.make("answer", approvalsAnswerFlags).pipe(
  Command.withDescription("Answer an approval request; the first answer is accepted"),
  Command.withExamples([
    {
      command:
        'effect-codex approvals answer 7c1f decline --reason "not on a Friday" --db sqlite:state/turns.db',
      description: "The turn continues without it"
    }
  ])
)

export const database = Command.make("db").pipe(
  Command.withDescription("Maintain the database of durable turns")
)

const age = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("AGE"),
    Flag.withDescription(description),
    Flag.filterMap(Options.parseAge, (text) => `Expected an age such as 12h, 30d or 8w, not "${text}"`)
  )

const pruneFlags = {
  db,
  olderThan: age("older-than", "Delete turns that ended longer ago than this: 12h, 30d, 8w"),
  approvals: age("approvals", "Delete also approvals that were decided longer ago; default: keep them").pipe(
    Flag.optional
  ),
  json: Options.json("Print the numbers of deleted rows as JSON on stdout")
}

export type PruneInput = Command.Command.Config.Infer<typeof pruneFlags>

export const prune = Command.make("prune", pruneFlags).pipe(
  Command.withDescription("Delete turns that ended long ago, with their events; never what still runs"),
  Command.withExamples([
    {
      command: "effect-codex db prune --db sqlite:state/turns.db --older-than 30d",
      description: "For example once a day"
    }
  ])
)

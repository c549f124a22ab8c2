/** Durable turns: what is written once, who may write, which answers count, and what a file must be. */
import { inFile, type Mutant } from "./Mutant.ts"

const model = "test/durable/store/StoreModel.test.ts"
const client = "test/durable/Durable.test.ts"
const file = "test/durable/store/StateFile.test.ts"
const pruning = "test/durable/store/Pruning.test.ts"

const asModel =
  "does what a model in memory does, and nothing of an operation whose process dies before the commit"

export const durableStore: ReadonlyArray<Mutant> = [
  ...inFile("src/durable/store/OpenTurnQueries.ts", model, [
    ["earlier.seq < codex_turns.seq and earlier.ended_at is null", "earlier.seq < 0", asModel]
  ]),
  ...inFile("src/durable/store/TurnQueries.ts", model, [
    ["and outcome is null and ${condition}", "and ${condition}", asModel],
    ["sql`runner is null`", "sql`true`", asModel],
    ["end(key, outcome, sql`epoch = ${epoch}`)", "end(key, outcome, sql`true`)", asModel],
    ["epoch = epoch + 1", "epoch = epoch", asModel]
  ]),
  ...inFile("src/durable/store/JournalQueries.ts", model, [["sql`epoch = ${epoch}`", "sql`true`", asModel]]),
  ...inFile("src/durable/store/TurnQueries.ts", "test/durable/store/Store.test.ts", [
    [
      "return rows.length > 0 ? at : undefined",
      "return rows.length > 0 ? 0 : undefined",
      "dates the check of an owner from the moment when the database is asked"
    ]
  ]),
  ...inFile("src/durable/store/TurnOwner.ts", "test/durable/runner/TurnTools.test.ts", [
    [
      "key = ${key} and epoch = ${epoch} and",
      "key = ${key} and",
      "does not start on a runner that has lost the turn"
    ]
  ]),
  ...inFile("src/durable/runner/TurnTools.ts", "test/durable/runner/TurnTools.test.ts", [
    ['begun !== "lost"', "true", "does not start on a runner that has lost the turn"]
  ]),
  ...inFile("src/durable/store/ApprovalQueries.ts", client, [
    [
      "and (expires_at is null or expires_at > ${at})\n          returning id",
      "returning id",
      "F18 refuses an answer after the request expired or its turn ended"
    ]
  ]),
  ...inFile("src/durable/store/ApprovalQueries.ts", model, [
    ["where id = ${id} and decision is null and ended_at is null and (", "where id = ${id} and (", asModel],
    ["and ended_at is null and not exists (select 1", "and ended_at is null and exists (select 1", asModel]
  ]),
  ...inFile("src/durable/ClientApprovals.ts", client, [
    [
      "answer.hash !== row.hash || current !== row.hash",
      "answer.hash !== row.hash",
      "F20 refuses an answer to other arguments than those that were shown"
    ],
    [
      "answer.hash !== row.hash || current !== row.hash",
      "current !== row.hash",
      "F20 refuses an answer to other arguments than those that were shown"
    ],
    [
      "problem === undefined ? undefined : new AnswerRejected({ id, problem })",
      "undefined",
      "refuses a decision that does not match the request, and hides the answers to questions"
    ]
  ]),
  ...inFile("src/durable/DurableRecords.ts", client, [
    [
      "row.decision === null ? null : withoutAnswers(row.decision)",
      "row.decision",
      "refuses a decision that does not match the request, and hides the answers to questions"
    ]
  ]),
  ...inFile("src/durable/store/StateLock.ts", file, [
    [
      'database.exec("commit")\n  return begin(database)',
      'database.exec("commit")\n  return true',
      "F10 refuses a second runner in the same process, and lets it in when the first ends"
    ]
  ]),
  ...inFile("src/durable/store/StateFile.ts", file, [
    [
      "if (!stats.isFile()) throw",
      "if (stats.isDirectory()) throw",
      "are refused where others could reach them"
    ],
    [
      'error.reason !== "Corrupt" || path',
      'error.reason === "Corrupt" || path',
      "F33 refuses a damaged file, names it and keeps one copy"
    ]
  ]),
  ...inFile("src/durable/store/SqliteStore.ts", file, [
    ["runner ? check : Effect.void", "Effect.void", "F33 refuses a damaged file, names it and keeps one copy"]
  ]),
  ...inFile("src/durable/store/Pruning.ts", pruning, [
    [
      "from codex_turns where ended_at < ${before}",
      "from codex_turns where submitted_at < ${before}",
      "deletes turns that ended before a time with what belongs to them, and nothing that runs"
    ],
    [
      "from codex_approvals where coalesce(decided_at, ended_at, expires_at) < ${before}",
      "from codex_approvals where asked_at < ${before}",
      "deletes turns that ended before a time with what belongs to them, and nothing that runs"
    ],
    [
      "select id from cluster_messages where entity_type like 'Workflow/%' and entity_id in ${sql.in(ids)}",
      "select id from cluster_messages where entity_type like 'Workflow/%'",
      "deletes the rows of the workflow engine for the turns that it deletes, and no others"
    ]
  ])
]

/** Pages for browsers: what they may contain and do, and where their bars are. */
import { inFile, type Mutant } from "./Mutant.ts"

export const pages: ReadonlyArray<Mutant> = [
  ...inFile("src/trace-page/PageMarkup.ts", "test/trace-page/PageMarkup.test.ts", [
    [
      "/[<>&\\u2028\\u2029]/g",
      "/[>&\\u2028\\u2029]/g",
      "contains exactly its own elements, whatever names spans have"
    ],
    [
      "/[<>&\\u2028\\u2029]/g",
      "/[<>&]/g",
      "escapes data so that it can neither end its element nor start a comment, and keeps its value"
    ],
    [
      "`script-src ${hashOf(script)}`",
      "`script-src 'unsafe-inline'`",
      "allows its own script and style by their hashes, and nothing else"
    ],
    [`"default-src 'none'",`, "", "allows its own script and style by their hashes, and nothing else"],
    [
      "/<\\/script|<!--/i.test(assets.script) || ",
      "",
      "refuses a script or a style that would end its own element"
    ]
  ]),
  ...inFile("src/trace-page/PageContent.ts", "test/trace-page/PageContent.test.ts", [
    [
      "chosen.length > 0 && spans > limits.spans",
      "spans > limits.spans",
      "has the newest turns that fit, and at least one"
    ],
    [
      " || costUsd !== undefined || tokens",
      " || tokens",
      "keeps the costs that the program recorded, also without a price list"
    ],
    [
      " && costs.length === own.length",
      "",
      "gives a turn no cost if a call of its own has no price; calls of sub-agents do not count"
    ],
    [
      ' && (parent === undefined || spans[parent]?.kind === "turn")',
      "",
      "gives a turn no cost if a call of its own has no price; calls of sub-agents do not count"
    ]
  ]),
  ...inFile("src/web/waterfall/TimeWindow.ts", "test/web/waterfall/TimeWindow.test.ts", [
    [
      "const from = at - share * length",
      "const from = window.from",
      "keeps the moment under the pointer in its place when it zooms"
    ],
    [
      "bounds.from + whole - length",
      "bounds.to",
      "never leaves the bounds and never becomes shorter than a microsecond"
    ],
    ["Math.max(from, window.from)", "from", "cuts bars at the edges, and has none for spans outside"],
    [
      "to < window.from || from > window.to",
      "to < window.from",
      "cuts bars at the edges, and has none for spans outside"
    ]
  ]),
  ...inFile("src/web/waterfall/TimeWindow.ts", "test/web/waterfall/TimeWindow.test.ts", [
    [
      "next.left - (last.left + last.width) > invisible",
      "true",
      "joins bars that have no visible gap between them"
    ]
  ]),
  ...inFile("src/web/waterfall/SpanRows.ts", "test/web/waterfall/SpanRows.test.ts", [
    ["hidden[parent] === true || ", "", "hides everything below a collapsed span, and nothing else"],
    [
      "matches === undefined ? collapsed : new Set<number>()",
      "collapsed",
      "shows a match with its ancestors, also below a collapsed span"
    ]
  ]),
  ...inFile("src/web/trace/TurnSelection.ts", "test/web/trace/TurnSelection.test.ts", [
    [
      "a.value === undefined || b.value === undefined",
      "false",
      "puts turns without a value last in both directions"
    ],
    ["words.every(", "words.some(", "filters by status, model, error, and words of which all must occur"]
  ])
]

/** Opens the page of `effect-codex serve` with the same content each time, without a server: for pictures in the documentation. */
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import type { PageFile } from "../../src/serve/PageFiles.ts"
import type {
  DurableTurnMessage,
  HistoryMessage,
  InboxMessage,
  LoginMessage,
  MeMessage,
  RequestMessage,
  StateMessage,
  ThreadMessage
} from "../../src/web/serve/Messages.ts"

const origin = "http://127.0.0.1:4815"
const now = Date.UTC(2026, 10, 22, 9, 30)
const threadId = "019a1c7e-0000-7000-8000-000000000001"

const login: LoginMessage = {
  session: "ecs_example",
  name: "phone",
  roles: ["submit", "approve"],
  expiresAt: now + 43_200_000
}

const me: MeMessage = {
  name: "phone",
  roles: ["submit", "approve"],
  directory: "/srv/shop",
  sandbox: "workspace-write",
  network: false,
  approvalTimeout: 600_000,
  durable: true
}

const command: InboxMessage = {
  id: "a1",
  threadId,
  title: "run a command",
  at: now - 48_000,
  deadline: now + 552_000,
  hash: "3f0c9a51"
}
const patch: InboxMessage = {
  id: "a2",
  turnKey: "ticket-77",
  title: "change files",
  at: now - 5000,
  deadline: now + 7_195_000,
  hash: "b81e44f6"
}

const durableTurns: ReadonlyArray<DurableTurnMessage> = [
  {
    key: "ticket-77",
    thread: "tickets",
    status: "waiting",
    interruptRequestedAt: null,
    submittedAt: now - 90_000,
    startedAt: now - 89_000,
    endedAt: null
  },
  {
    key: "nightly-2026-11-21",
    thread: "nightly",
    status: "completed",
    interruptRequestedAt: null,
    submittedAt: now - 28_800_000,
    startedAt: now - 28_799_000,
    endedAt: now - 28_000_000
  }
]

const linesOf = (sections: ReadonlyArray<readonly [label: string, ...lines: ReadonlyArray<string>]>) =>
  sections.flatMap(([label, ...lines]) => [`  ${label}:`, ...lines.map((line) => `  │ ${line}`)])

const requestOf = (entry: InboxMessage, lines: ReadonlyArray<string>): RequestMessage => ({
  ...entry,
  from: 0,
  lines,
  total: lines.length,
  answer: "decision",
  fields: []
})

const requests: Readonly<Record<string, RequestMessage>> = {
  a1: requestOf(
    command,
    linesOf([
      ["command", "git push origin fix-rounding"],
      ["in the shell", "/bin/bash -lc"],
      ["in the directory", "/srv/shop"],
      ["the agent's reason", "The branch is ready for review."],
      ["hash of the request", "3f0c9a51d7e2b84c6a90f1e35c7d2b18"]
    ])
  ),
  a2: requestOf(
    patch,
    linesOf([
      ["update the file", "../shared/prices.ts"],
      ["which is", "/srv/shared/prices.ts"],
      [
        "with the diff",
        "@@ -12,1 +12,1 @@",
        "-  return Math.floor(total * 100) / 100",
        "+  return Math.round(total * 100) / 100"
      ],
      ["in the directory", "/srv/shop"],
      ["hash of the request", "b81e44f60a93c2578e1d6f04b7a92c3d"]
    ])
  )
}

const threads: ReadonlyArray<ThreadMessage> = [
  {
    id: threadId,
    preview: "Fix the rounding of the totals",
    createdAt: now - 400_000,
    updatedAt: now - 60_000,
    open: true
  },
  {
    id: `${threadId.slice(0, -1)}2`,
    preview: "Update the changelog",
    createdAt: now - 9_000_000,
    updatedAt: now - 8_000_000,
    open: false
  }
]

const state: StateMessage = {
  inbox: [command, patch],
  open: [{ id: threadId, running: true }],
  durable: { available: true, turns: durableTurns }
}

const history: HistoryMessage = {
  id: threadId,
  preview: "Fix the rounding of the totals",
  turns: []
}

export interface InboxOptions extends BrowserContextOptions {
  /** The files of the page, as `PageFiles.load` returns them. */
  readonly page: ReadonlyArray<PageFile>
}

/** Opens the inbox with two waiting requests. The caller takes the picture and closes the context of the page. */
export const openInbox = async (
  browser: Browser,
  { page: files, ...options }: InboxOptions
): Promise<Page> => {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options })
  const page = await context.newPage()
  await page.clock.setFixedTime(now)
  await page.addInitScript(
    (stored) => sessionStorage.setItem("effect-codex session", stored),
    JSON.stringify(login)
  )
  const answers: Readonly<Record<string, unknown>> = {
    "/api/me": me,
    "/api/threads": threads,
    [`/api/threads/${threadId}`]: history,
    "/api/limits": { limits: [] }
  }
  // The first answer ends at once; the page then waits for the next one, as for a quiet server.
  let followed = 0
  await page.route(`${origin}/**`, async (route) => {
    const { pathname } = new URL(route.request().url())
    const file = files.find(({ path }) => path === pathname)
    const request = requests[pathname.replace(/^\/api\/(inbox|durable\/approvals)\//, "")]
    if (file !== undefined)
      await route.fulfill({ contentType: file.contentType, body: Buffer.from(file.body) })
    else if (pathname === "/api/updates" && followed++ > 0) return
    else if (pathname === "/api/updates")
      await route.fulfill({ contentType: "text/event-stream", body: `data: ${JSON.stringify(state)}\n\n` })
    else if (request !== undefined) await route.fulfill({ json: request })
    else if (answers[pathname] !== undefined) await route.fulfill({ json: answers[pathname] })
    else await route.fulfill({ status: 404, json: { error: "NotFound", message: "no such example" } })
  })
  await page.goto(origin)
  await page.getByText("git push origin fix-rounding").waitFor()
  await page.getByText("/srv/shared/prices.ts").waitFor()
  await page
    .locator("button:enabled", { hasText: /^Approve$/ })
    .nth(1)
    .waitFor()
  return page
}

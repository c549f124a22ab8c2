/** What must not happen, by the id that the titles of its tests begin with. */
export const rows: Readonly<Record<string, string>> = {
  F01: "the engine's process dies in a turn",
  F02: "the engine goes silent in a turn",
  F03: "an error without an end of the turn",
  F04: "an interrupt that is never answered",
  F05: "the engine does not start, or hangs while starting",
  F13: "a hung tool",
  F14: "a tool that ignores its interruption",
  F15: "one of many parallel tools fails",
  F16: "an approval that is never answered",
  F17: "two approvers at the same time",
  F18: "an answer that comes too late",
  F19: "one of two questions is answered",
  F20: "arguments that change after they were approved",
  F21: "malformed lines",
  F22: "lines that are cut anywhere",
  F23: "a line without end",
  F24: "methods, kinds and fields that nobody knows",
  F25: "answers that come twice, in another order, or unasked",
  F26: "a slow consumer",
  F27: "a question that waits while others talk",
  F28: "429, 500 and 503 of the model",
  F29: "a stream that is cut",
  F30: "a clock that jumps",
  F31: "a collector that is down, hangs or is slow",
  F32: "a disk that is full, read-only or broken",
  F33: "a stored file that is damaged",
  F34: "thousands of threads",
  F35: "a loop that would not end",
  F36: "secrets",
  F37: "attachments that lead elsewhere",
  F38: "a path that is swapped between check and use",
  F39: "text that a shell would read",
  F40: "the environment of the child",
  F41: "permissions of what is stored",
  F42: "processes that are left behind",
  F43: "SIGTERM during a hundred turns"
}

/** The ids that a title begins with: `F13 F42 a command` is of both. */
export const idsOf = (title: string): ReadonlyArray<string> =>
  (/^(?:F\d\d\s+)+/.exec(`${title} `)?.[0] ?? "").split(/\s+/).filter((id) => id !== "")

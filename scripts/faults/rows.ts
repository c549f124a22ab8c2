/** The faults by id. The titles of their tests start with the id. */
export const rows: Readonly<Record<string, string>> = {
  F01: "the engine's process dies during a turn",
  F02: "the engine stops sending events during a turn",
  F03: "an error without an end of the turn",
  F04: "an interrupt that is never answered",
  F05: "the engine does not start, or hangs while starting",
  F13: "a tool that hangs",
  F14: "a tool that ignores its interruption",
  F15: "one of many parallel tools fails",
  F16: "an approval that is never answered",
  F17: "two approvers at the same time",
  F18: "an answer that comes too late",
  F19: "one of two requests is answered",
  F20: "arguments that change after approval",
  F21: "malformed lines",
  F22: "lines that are split anywhere",
  F23: "a line without an end",
  F24: "unknown methods, kinds and fields",
  F25: "replies that are duplicated, reordered or unexpected",
  F26: "a slow consumer",
  F27: "a request that waits while other threads are active",
  F28: "429, 500 and 503 from the model",
  F29: "a stream that is cut",
  F30: "a system clock that jumps",
  F31: "a collector that is down, hangs or is slow",
  F32: "a disk that is full, read-only or broken",
  F33: "a stored file that is damaged",
  F34: "thousands of threads",
  F35: "an endless loop, also of turns that Codex starts",
  F36: "secrets",
  F37: "attachments outside the allowed directory",
  F38: "a path that is swapped between check and use",
  F39: "text that a shell would interpret",
  F40: "the environment of the child",
  F41: "permissions of stored files",
  F42: "processes that are left behind",
  F43: "SIGTERM during a hundred turns"
}

/** Returns the ids at the start of a title; `F13 F42 a command` has two. */
export const idsOf = (title: string): ReadonlyArray<string> =>
  (/^(?:F\d\d\s+)+/.exec(`${title} `)?.[0] ?? "").split(/\s+/).filter((id) => id !== "")

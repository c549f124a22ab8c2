/** Parses command lines as a POSIX shell does, as far as approval rules need it. */

import { userInfo } from "node:os"

const wordBreak = /[ \t]/
/**
 * The shells that Codex itself starts: by name, from the system's directories, or the user's own from the password file. A
 * shell of that name elsewhere is a program like any other, which the agent may have made.
 */
const systemShell = /^(?:(?:\/usr)?\/bin\/)?(?:bash|sh|zsh)$/
const shellName = /^(?:bash|sh|zsh)$/
let loginShell: string | undefined
const isShell = (program: string): boolean => {
  if (systemShell.test(program)) return true
  if (!program.startsWith("/")) return false
  loginShell ??= findLoginShell()
  return program === loginShell && shellName.test(program.slice(program.lastIndexOf("/") + 1))
}
const findLoginShell = (): string => {
  try {
    return userInfo().shell ?? ""
  } catch {
    // The user has no entry in the password file.
    return ""
  }
}
const runScript = /^-l?c$/

/** Splits a command line into words and removes quotes, as a shell does. Returns `undefined` for an unclosed quote. */
export const words = (line: string): ReadonlyArray<string> | undefined => {
  const out: Array<string> = []
  let word: string | undefined
  let quote: "'" | '"' | undefined
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i)
    if (quote === "'") {
      if (char === "'") quote = undefined
      else word += char
    } else if (char === "\\") {
      const next = line.charAt(i + 1)
      if (next === "") return undefined
      // Inside double quotes a backslash only escapes characters that are special there.
      word = (word ?? "") + (quote === undefined || '$`"\\'.includes(next) ? next : char + next)
      i++
    } else if (quote === '"') {
      if (char === '"') quote = undefined
      else word += char
    } else if (char === "'" || char === '"') {
      quote = char
      word ??= ""
    } else if (wordBreak.test(char)) {
      if (word !== undefined) out.push(word)
      word = undefined
    } else {
      word = (word ?? "") + char
    }
  }
  if (quote !== undefined) return undefined
  if (word !== undefined) out.push(word)
  return out
}

/** Returns the script inside `/bin/bash -c '…'`. A command line without such a wrapper is its own script. */
export const script = (command: string): string => {
  const parts = words(command)
  if (parts === undefined || parts.length !== 3) return command
  const [shell, flag, inner] = parts
  return shell !== undefined &&
    flag !== undefined &&
    inner !== undefined &&
    isShell(shell) &&
    runScript.test(flag)
    ? inner
    : command
}

// Anything that starts a second command, expands to something else or writes to a file. Deliberately ignores quotes: a
// rule that declines too often costs a question, but a rule that accepts too often can cost the machine.
const beyondOneCommand = /[;|&$`<>(){}*?[\]#!\u0000-\u0008\u000a-\u001f\u007f]|(?:^|[ \t=:])~/
const assignment = /^[A-Za-z_]\w*\+?=/

/** Returns the argv of one simple command, or `undefined` if a shell could do anything else with the line. */
export const argv = (source: string): ReadonlyArray<string> | undefined => {
  if (beyondOneCommand.test(source)) return undefined
  const parts = words(source)
  return parts === undefined || parts[0] === undefined || assignment.test(parts[0]) ? undefined : parts
}

// A shell runs what is inside first, and the words of it look like words of the command.
const substitution = /\$\(|`|[<>]\(/

/**
 * Returns the base name of the first program of a script, after `KEY=value` assignments. It has few distinct values. A
 * script with a substitution, an array or an open quote has no certain name: a word of it may be part of a secret.
 */
export const executable = (command: string): string => {
  const source = script(command)
  const all = substitution.test(source) ? undefined : words(source)
  const at = all?.findIndex((word) => !assignment.test(word)) ?? -1
  const first = all?.slice(0, at + 1).some((word) => word.includes("(")) === true ? undefined : all?.[at]
  const name = first?.slice(first.lastIndexOf("/") + 1) ?? ""
  return /^[\w.+-]{1,64}$/.test(name) ? name : "sh"
}

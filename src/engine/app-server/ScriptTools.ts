/** Reads which tools a script of the model calls: in code mode the model's only tool runs scripts that call all others. */

const maxNames = 100

/** A use of the object `tools`, with the name of the tool if the script writes it out. */
const uses = /\btools\b(?:\s*\??\.\s*([A-Za-z_$][\w$]{0,99})|\s*\[\s*["']([\w$]{1,100})["']\s*\])?/g

/** Other ways to reach the object. */
const indirect = /\b(?:globalThis|eval|Function)\b/

/**
 * Returns the names of the tools that a script calls, in the order of the script. `*` is a tool that cannot be determined.
 * Text and comments of the script count too, because the library does not parse it.
 */
export const namesIn = (script: string): ReadonlyArray<string> => {
  const names: Array<string> = indirect.test(script) ? ["*"] : []
  for (const [, property, index] of script.matchAll(uses)) {
    if (names.length === maxNames) return [...names, "*"]
    names.push(property ?? index ?? "*")
  }
  return names
}

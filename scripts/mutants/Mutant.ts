/** One small change to the code that a named test must notice: with the change, the test fails. */
export interface Mutant {
  /** Relative to the repository. */
  readonly file: string
  /** Text that occurs exactly once in the file. */
  readonly original: string
  readonly mutated: string
  /** The test that must fail: its file and its title, as the test runner prints it. */
  readonly test: { readonly file: string; readonly title: string }
}

/** Makes the mutants of a file that tests of one file notice. A row is the text, its replacement and the title. */
export const inFile = (
  file: string,
  testFile: string,
  rows: ReadonlyArray<readonly [original: string, mutated: string, title: string]>
): ReadonlyArray<Mutant> =>
  rows.map(([original, mutated, title]) => ({ file, original, mutated, test: { file: testFile, title } }))

/** Applies a mutant to a file's text. The error says that the table no longer fits the code. */
export const apply = (text: string, { file, mutated, original }: Mutant): string => {
  const occurrences = text.split(original).length - 1
  if (occurrences !== 1)
    throw new Error(
      `${file}: the text ${JSON.stringify(original)} occurs ${occurrences} times, expected once; update the mutant`
    )
  if (mutated === original) throw new Error(`${file}: the mutant ${JSON.stringify(original)} changes nothing`)
  return text.replace(original, () => mutated)
}

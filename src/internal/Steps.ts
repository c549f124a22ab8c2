/**
 * Work in small steps: a generator yields between them and returns the result. A caller takes all steps at once, or lets
 * other work run between them (`TimeSlices`).
 */

/** Takes all steps, and returns the result. */
export const finish = <A>(steps: Iterator<unknown, A>): A => {
  let next = steps.next()
  while (next.done !== true) next = steps.next()
  return next.value
}

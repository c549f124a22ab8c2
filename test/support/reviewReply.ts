/** What a reviewing model answers, and the review that the library reads from it. */
import type * as Review from "../../src/domain/Review.ts"

/** A finding as the model writes it. */
export const finding = {
  title: "[P1] Close the file",
  body: "It stays open.",
  confidence_score: 0.9,
  priority: 1,
  code_location: { absolute_file_path: "/repo/a.ts", line_range: { start: 3, end: 5 } }
}

/** The message of the model. */
export const message = JSON.stringify({
  findings: [finding],
  overall_correctness: "patch is incorrect",
  overall_explanation: "It leaks.",
  overall_confidence_score: 0.8
})

/** The review of this message. */
export const review: Review.Review = {
  findings: [
    {
      title: "Close the file",
      body: "It stays open.",
      path: "/repo/a.ts",
      lines: { start: 3, end: 5 },
      priority: 1,
      confidence: 0.9
    }
  ],
  explanation: "It leaks.",
  verdict: "patch is incorrect",
  confidence: 0.8
}

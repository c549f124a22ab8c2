import { assert, describe, it } from "@effect/vitest"
import * as UnopenedThreads from "../../../src/engine/app-server/UnopenedThreads.ts"

const params = { threadId: "a" }

describe("the threads that a client has requested and has not opened", () => {
  it("a thread is unopened until the reply to thread/resume", () => {
    const threads = UnopenedThreads.make(() => false)
    assert.isFalse(threads.has("a"))
    const onReply = threads.follow("thread/resume", params)
    assert.isTrue(threads.has("a"))
    assert.isFalse(threads.has("b"))
    onReply()
    assert.isFalse(threads.has("a"))
  })

  it("a thread stays open while another handle opens it too", () => {
    const threads = UnopenedThreads.make(() => true)
    threads.follow("thread/resume", params)
    assert.isFalse(threads.has("a"))
  })

  it("a thread that closes is unopened until the reply, or until the reply that opens it again", () => {
    const threads = UnopenedThreads.make(() => true)
    const onClosed = threads.follow("thread/unsubscribe", params)
    assert.isTrue(threads.has("a"))
    const onOpened = threads.follow("thread/resume", params)
    onClosed()
    assert.isTrue(threads.has("a"))
    onOpened()
    assert.isFalse(threads.has("a"))
  })

  it("other requests and requests without a thread change nothing", () => {
    const threads = UnopenedThreads.make(() => false)
    threads.follow("turn/start", params)()
    threads.follow("thread/resume", undefined)()
    threads.follow("thread/resume", {})
    assert.isFalse(threads.has("a"))
  })
})

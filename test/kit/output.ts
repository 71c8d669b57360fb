/** The streams of a command that runs in this process. */
import type { Output, Terminal } from '../../src/commands/terminal.ts'

export interface CapturedTerminal extends Terminal {
  /** Everything that was written so far. */
  text(): string
}

export interface CapturedOutput extends Output {
  readonly out: CapturedTerminal
  readonly err: CapturedTerminal
}

export function captureOutput(isTTY = false): CapturedOutput {
  return { out: captureTerminal(isTTY), err: captureTerminal(isTTY) }
}

function captureTerminal(isTTY: boolean): CapturedTerminal {
  let all = ''
  return { isTTY, write: (text) => (all += text), text: () => all }
}

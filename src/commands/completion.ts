/** `tokengraph completion`: scripts for shells, out of the one table of commands and options. */
import type { Command } from 'commander'
import type { Output } from './terminal.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

/** What may come after some commands: ` vault` has `import`, `list` … and its options. */
interface Place {
  /** Each command with a space before it; empty: none yet. */
  readonly path: string
  readonly words: readonly string[]
}

/** Prints the script, and returns the exit code, 0. */
export function printCompletion(program: Command, shell: Shell, { out }: Output): 0 {
  const places = placesOf(program, '')
  out.write(scripts[shell](places))
  return 0
}

function placesOf(command: Command, path: string): readonly Place[] {
  const names = command.commands.map((each) => each.name())
  const options = command.options.flatMap(({ long }) => long ?? [])
  const inner = command.commands.flatMap((each) => placesOf(each, `${path} ${each.name()}`))
  return [{ path, words: [...names, ...options, '--help'] }, ...inner]
}

const quote = (path: string): string => `"${path}"`

const known = (places: readonly Place[]): string =>
  places
    .filter(({ path }) => path !== '')
    .map(({ path }) => quote(path))
    .join('|')

const scripts: Readonly<Record<Shell, (places: readonly Place[]) => string>> = {
  bash: (places) => `# eval "$(tokengraph completion bash)"
_tokengraph() {
  local at="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in ${known(places)}) at="$at $word" ;; esac
  done
  case "$at" in
${places.map(({ path, words }) => `    ${quote(path)}) words="${words.join(' ')}" ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tokengraph tokengraph
`,
  zsh: (places) => `#compdef tokengraph
# eval "$(tokengraph completion zsh)"
_tokengraph() {
  local at="" word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in (${known(places)}) at="$at $word" ;; esac
  done
  case "$at" in
${places.map(({ path, words }) => `    (${quote(path)}) compadd -- ${words.join(' ')} ;;`).join('\n')}
  esac
  _files
}
compdef _tokengraph tokengraph
`,
  fish: (places) => `# tokengraph completion fish | source
function __tokengraph_at
  set -l at ""
  for word in (commandline -opc)[2..]
    switch "$at $word"
      case ${places
        .filter(({ path }) => path !== '')
        .map(({ path }) => quote(path))
        .join(' ')}
        set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
${places.map(({ path, words }) => `complete -c tokengraph -n '__tokengraph_at ${quote(path)}' -a '${words.join(' ')}'`).join('\n')}
`,
}

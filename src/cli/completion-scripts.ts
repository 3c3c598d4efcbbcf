// Completion scripts for the shells, from one description of the commands. Words are ours (ids, flags, options of flags):
// they hold nothing a shell would interpret.

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

export interface CommandWords {
  /** `daemon start`. */
  readonly command: string
  readonly summary: string
  /** Names of the positional arguments in order; `hub` and `group` are completed with what exists. */
  readonly args: readonly string[]
  readonly flags: readonly FlagWords[]
}

export interface FlagWords {
  readonly name: string
  readonly char: string | null
  readonly summary: string
  readonly takesValue: boolean
  /** Values it may have; empty: any. */
  readonly options: readonly string[]
}

export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(commands)
    case 'zsh':
      // zsh runs bash completions through its own compatibility layer.
      return `#compdef ehub\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`
    case 'fish':
      return fishScript(commands)
  }
}

function bashScript(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ command, args, flags }) => {
    const words = flags.flatMap(({ name, char }) => [`--${name}`, ...(char === null ? [] : [`-${char}`])]).join(' ')
    const values = flags.filter(({ takesValue }) => takesValue).map(({ name, char }) => flagCase(name, char, flags))
    const valueCase = values.length === 0 ? '' : `case "$prev" in ${values.join(' ')} esac\n      `
    const spaces = command.split(' ').length
    return `    "${command}")
      ${valueCase}if [[ "$cur" == -* ]]; then words="${words}"
      else case $((position - ${spaces})) in ${args.map((name, index) => `${index}) ${argumentWords(name, index, spaces)};;`).join(' ')} *) ;; esac; fi
      ;;`
  })
  const first = [...new Set(commands.map(({ command }) => command.split(' ')[0] ?? ''))].join(' ')
  const topics = groupTopics(commands)
  const topicCases = [...topics].map(([topic, words]) => `      ${topic}) words="${words.join(' ')}" ;;`)
  return `_ehub() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words="" command="" position=0 word
  local -a plain=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ "$word" == -* ]] || plain+=("$word"); done
  position=\${#plain[@]}
  command="\${plain[0]}"
  case "$command" in ${topics.size === 0 ? '""' : [...topics.keys()].join('|')}) [[ $position -gt 1 ]] && command="\${plain[0]} \${plain[1]}" ;; esac
  case "$command" in
    "") words="${first} help" ;;
${cases.join('\n')}
    *) case "$command" in
${topicCases.join('\n')}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _ehub ehub
`
}

function flagCase(name: string, char: string | null, flags: readonly FlagWords[]): string {
  const options = flags.find((flag) => flag.name === name)?.options ?? []
  const pattern = char === null ? `--${name}` : `--${name}|-${char}`
  const words = name === 'group' ? '$(ehub __complete groups "${plain[1]}" 2>/dev/null)' : options.join(' ')
  return `${pattern}) COMPREPLY=($(compgen -W "${words}" -- "$cur")); return ;;`
}

function argumentWords(name: string, index: number, spaces: number): string {
  if (name === 'hub') return 'words="$(ehub __complete hubs 2>/dev/null)"'
  if (name === 'group') return `words="$(ehub __complete groups "\${plain[${spaces + index - 1}]}" 2>/dev/null)"`
  return ':'
}

function groupTopics(commands: readonly CommandWords[]): ReadonlyMap<string, readonly string[]> {
  const topics = new Map<string, string[]>()
  for (const { command } of commands) {
    const [topic = '', word] = command.split(' ')
    if (word !== undefined) topics.set(topic, [...(topics.get(topic) ?? []), word])
  }
  return topics
}

function fishScript(commands: readonly CommandWords[]): string {
  const lines = ['complete -c ehub -f']
  for (const [topic, words] of groupTopics(commands)) {
    lines.push(`complete -c ehub -n __fish_use_subcommand -a ${topic}`)
    lines.push(
      `complete -c ehub -n "__fish_seen_subcommand_from ${topic}; and not __fish_seen_subcommand_from ${words.join(' ')}" -a "${words.join(' ')}"`,
    )
  }
  for (const { command, summary, args, flags } of commands) {
    const words = command.split(' ')
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    if (words.length === 1) {
      lines.push(`complete -c ehub -n __fish_use_subcommand -a ${command} -d ${fishText(summary)}`)
    }
    if (args.includes('hub')) lines.push(`complete -c ehub -n "${seen}" -a "(ehub __complete hubs 2>/dev/null)"`)
    if (args.includes('group')) {
      lines.push(
        `complete -c ehub -n "${seen}" -a "(ehub __complete groups (commandline -opc)[${words.length + 2}] 2>/dev/null)"`,
      )
    }
    for (const flag of flags) {
      const short = flag.char === null ? '' : ` -s ${flag.char}`
      const value = !flag.takesValue ? '' : flag.options.length > 0 ? ` -x -a "${flag.options.join(' ')}"` : ' -r'
      lines.push(`complete -c ehub -n "${seen}" -l ${flag.name}${short}${value} -d ${fishText(flag.summary)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

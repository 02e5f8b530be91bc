// The measured part of docs/accuracy.md; what people wrote around it stays.

const BEGIN = '<!-- measured by npm run accuracy: begin -->'
const END = '<!-- measured by npm run accuracy: end -->'

/** `results[set]` = { goals: [{ name, mark, goal, measured, met }], details: [text], seconds }. */
export function markdown(page, sets, results, machine) {
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  if (from < 0 || to < from) throw new Error(`docs/accuracy.md lost the lines ${BEGIN} and ${END}`)
  const measured = sets.filter(set => results[set])
  const goals = measured.flatMap(set => results[set].goals)
  const rows = goals.map(
    goal => `| ${goal.name} | ${goal.mark} | ${goal.goal} | ${goal.measured} | ${goal.met ? 'met' : '**not met**'} |`,
  )
  const short = goals
    .filter(({ met }) => !met)
    .map(({ name, goal, measured }) => `${name}: ${measured} where ${goal} is wanted`)
  const text = [
    '| set | mark | goal | measured | |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    short.length > 0 ? `Falls short: ${short.join('; ')}.` : 'Every goal is met.',
    '',
    ...measured.flatMap(set => results[set].details.map(detail => `- ${detail}`)),
    '',
    `Run time ${measured.map(set => `${set} ${results[set].seconds} s`).join(', ')} on ${machine}.`,
  ]
  return `${page.slice(0, from)}${BEGIN}\n${text.join('\n')}\n${page.slice(to)}`
}

import t from 'tap'
import { commandsText } from '../../../agent/cli/commands-text.ts'

t.test('commands in the status: executed, refused, and why', async t => {
  t.equal(commandsText({ 'uplink.results_lost': 4 }), undefined)
  t.equal(commandsText({ 'uplink.commands': 3 }), '3 executed, 0 refused')
  const refused = {
    'uplink.commands_refused': 12,
    'uplink.commands_refused_qos_0': 3,
    'uplink.commands_refused_signature': 9,
  }
  t.equal(commandsText({ 'uplink.commands': 3, ...refused }), '3 executed, 12 refused (9 signature, 3 qos 0)')
})

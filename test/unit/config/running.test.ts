import t from 'tap'
import { parseCondition } from '../../../agent/config/running.ts'

const CHANNELS = [{ id: 'speed' }, { id: 'current' }, { id: 'flow' }, { id: 'de-h', waveform: {} }]

t.test('and binds tighter than or', async t => {
  t.same(parseCondition('speed > 300 and current >= 2.5 or flow<-1e1', CHANNELS), {
    anyOf: [
      [
        { channel: 0, op: '>', value: 300 },
        { channel: 1, op: '>=', value: 2.5 },
      ],
      [{ channel: 2, op: '<', value: -10 }],
    ],
  })
  t.same(parseCondition(' speed <= .5 ', CHANNELS), { anyOf: [[{ channel: 0, op: '<=', value: 0.5 }]] })
})

t.test('what is wrong, and what would do', async t => {
  for (const [text, message, hint] of [
    ['sped > 300', 'no channel "sped" in this asset', 'did you mean "speed"?'],
    ['speed', 'expected a comparison such as speed > 300, got "speed"', 'channels: speed, current, flow, de-h'],
    ['speed > ', 'expected a comparison such as speed > 300, got "speed >"', /^channels/],
    ['speed == 3', '"==" is not a comparison here; expected one of >, >=, <, <=', 'write speed > 3'],
    ['speed = 3', '"=" is not a comparison here; expected one of >, >=, <, <=', 'write speed > 3'],
    ['speed > 300 rpm', 'expected a comparison such as speed > 300, got "rpm" after the number', /unit of the channel/],
    ['300 < speed', 'expected a comparison such as speed > 300, got the number first', 'turn it round: speed > 300'],
    ['speed > fast', 'expected a number after >, got "fast"', /unit of the channel/],
    ['speed > 0x10', 'expected a number after >, got "0x10"', /unit of the channel/],
    ['speed > 1e999', 'expected a number after >, got "1e999"', /unit of the channel/],
    ['(speed > 3)', 'brackets are not supported', /binds tighter/],
    [
      'speed > 3 && flow > 2',
      'expected "and" and "or" as words, got "speed > 3 && flow > 2"',
      'write speed > 300 and current > 2',
    ],
    ['speed > 3 and', 'expected a comparison such as speed > 300, got "and" after the number', /join with/],
    ['de-h > 3', '"de-h" is a waveform; a condition needs a channel with one value at a time', /level/],
    [Array(40).fill('speed > 1').join(' or '), 'has more than 32 comparisons', 'use fewer'],
  ] as const) {
    t.match(parseCondition(text, CHANNELS), { message, hint }, text)
  }
})

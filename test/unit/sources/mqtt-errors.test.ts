import t from 'tap'
import type { MqttSourceConfig } from '../../../agent/config/contract.ts'
import { explainMqttError, shownUrl } from '../../../agent/sources/mqtt-errors.ts'

const CONFIG: MqttSourceConfig = {
  kind: 'mqtt',
  id: 'plant',
  url: 'mqtts://ww:secret@broker:8883',
  clientId: 'gw-1-plant',
  username: 'ww',
  tls: {},
  protocol: 4,
  keepaliveS: 30,
  qos: 0,
  retained: 'ignore',
}
const failed = (code: string | number, message = 'some text'): Error => Object.assign(new Error(message), { code })

t.test('what went wrong with a broker, in words that say what to do', async t => {
  for (const [error, words] of [
    [failed(4), 'refused user ww: bad user name or password; check username and password of source plant'],
    [failed(134), 'refused user ww: bad user name or password; check username and password of source plant'],
    [
      failed(135),
      'refused user ww: not authorized; check username and password of source plant and the access list of the broker',
    ],
    [failed(1), 'does not speak MQTT 3.1.1; set protocol: auto in source plant'],
    [failed(142), 'another client logged in as gw-1-plant; give each gateway and each source its own client-id'],
    [failed(137, 'Server busy'), 'Server busy'],
    [failed('ECONNREFUSED'), 'nothing listens there; is the broker running, and is the port right?'],
    [failed('CERT_HAS_EXPIRED'), "its certificate has expired; renew it, or correct this gateway's clock"],
    [failed('DEPTH_ZERO_SELF_SIGNED_CERT'), 'its certificate is self-signed; set tls.ca to it'],
    [failed('EWHATEVER', 'odd'), 'odd'],
    [new Error('Keepalive timeout'), 'fell silent for 1.5 keepalives; check the network'],
    [new Error('connack timeout'), 'accepts connections but does not answer; does the port speak MQTT?'],
  ] as const) {
    t.equal(explainMqttError(error, CONFIG), `mqtts://broker:8883: ${words}`)
  }
  t.equal(shownUrl('mqtt://broker:1883'), 'mqtt://broker:1883')
})

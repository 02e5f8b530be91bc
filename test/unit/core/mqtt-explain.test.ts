import t from 'tap'
import { type BrokerContext, explainBroker, linkFault, shownUrl } from '../../../agent/core/mqtt/explain.ts'
import { GuardError } from '../../../agent/core/mqtt/packet-guard.ts'

const CONTEXT: BrokerContext = {
  url: 'mqtts://ww:secret@broker:8883',
  clientId: 'gw-1-plant',
  username: 'ww',
  of: 'source plant',
  protocol: 4,
  certFile: '/etc/wearwatch/gw.pem',
}
const failed = (code: string | number, message = 'some text'): Error => Object.assign(new Error(message), { code })

t.test('what went wrong with a broker, where, and what to do, one sentence each', async t => {
  const rows: [Error, string][] = [
    [failed(4), 'the broker refused user ww: bad user name or password; check username and password of source plant'],
    [
      failed(0x86),
      'the broker refused user ww: bad user name or password; check username and password of source plant',
    ],
    [
      failed(0x87),
      'the broker refused user ww: not authorized; check username and password of source plant and the access list of the broker',
    ],
    [failed(1), 'the broker does not speak MQTT 3.1.1; set protocol: auto in source plant'],
    [failed(2), 'the broker refuses client id "gw-1-plant"; set another client-id in source plant'],
    [
      failed(0x8e),
      'another client logged in with client id "gw-1-plant" (a cloned SD card?); give each gateway an id of its own, or set client-id in source plant',
    ],
    [failed(0x89, 'Server busy'), 'the broker is not ready (Server busy); it is tried again, nobody has to act'],
    [failed(0x95), "a message was larger than the broker's limit; raise it there"],
    [
      failed('ECONNREFUSED'),
      'nothing listens there; is the broker running, and is the port in url of source plant right?',
    ],
    [failed('ENOTFOUND'), 'the host name is unknown here; check url of source plant and DNS'],
    [failed('EHOSTUNREACH'), 'there is no way to it; check network and firewall'],
    [failed('CERT_HAS_EXPIRED'), "its certificate has expired; renew it, or correct this gateway's clock"],
    [failed('CERT_NOT_YET_VALID'), "its certificate is not valid yet; correct this gateway's clock"],
    [failed('DEPTH_ZERO_SELF_SIGNED_CERT'), 'its certificate is self-signed; set tls.ca of source plant to it'],
    [
      failed('SELF_SIGNED_CERT_IN_CHAIN'),
      'its certificate is signed by an authority that is unknown here; set tls.ca of source plant to the certificate of that authority',
    ],
    [
      Object.assign(failed('ERR_TLS_CERT_ALTNAME_INVALID'), { cert: { subjectaltname: 'DNS:mq.plant' } }),
      'its certificate is for another host name (DNS:mq.plant); use that name in url of source plant',
    ],
    [
      failed('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', '80:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../record.c'),
      'the broker refused the client certificate /etc/wearwatch/gw.pem (unknown ca); use one that its authority signed',
    ],
    [
      failed('ERR_OSSL_X509_KEY_VALUES_MISMATCH'),
      'the key does not fit the client certificate; set tls.cert and tls.key of source plant to a pair',
    ],
    [
      failed('ERR_SSL_WRONG_VERSION_NUMBER'),
      'that port does not speak TLS; use mqtt:// or the TLS port in url of source plant',
    ],
    [
      new Error('Unexpected server response: 404'),
      'the websocket was answered with HTTP 404; check host, port and path in url of source plant',
    ],
    [
      new GuardError('NOT_MQTT', 'answered "SSH-2.0-OpenSSH", which is not MQTT'),
      'something there answered "SSH-2.0-OpenSSH", which is not MQTT; check the port in url of source plant',
    ],
    [linkFault('SILENT', ''), 'it fell silent for 1.5 keepalives; check the network and whether the broker still runs'],
    [failed('EWHATEVER', 'odd'), 'odd; it is tried again'],
  ]
  for (const [error, words] of rows) t.equal(explainBroker(error, CONTEXT), `mqtts://broker:8883: ${words}`)
  const anonymous = { ...CONTEXT, username: undefined, certFile: undefined }
  t.match(explainBroker(failed(5), anonymous), /wants a login; set username and password of source plant/)
  t.match(
    explainBroker(failed('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), anonymous),
    /asks for a client certificate and there is none; set tls.cert and tls.key/,
  )
  t.equal(shownUrl('wss://u:p@broker:443/mqtt?token=x'), 'wss://broker:443/mqtt?…')
})

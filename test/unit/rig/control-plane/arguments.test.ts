// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  type ApiServerInput,
  apiServerArguments,
  etcdArguments,
} from '../../../rig/control-plane/arguments.ts';

const files = { certFile: '/c', keyFile: '/k' };
const valid: ApiServerInput = {
  pki: {
    folder: '/pki',
    cluster: files,
    frontProxy: files,
    serviceAccount: { privateKeyFile: '/sa.key', publicKeyFile: '/sa.pub' },
    issue: async () => files,
  },
  certificates: {
    serving: files,
    admin: files,
    controllerManager: files,
    scheduler: files,
    kubeletClient: files,
    frontProxyClient: files,
  },
  etcdUrl: 'http://127.0.0.1:1',
  bindAddress: '127.0.0.1',
  port: 6443,
  serviceClusterIpRange: '10.96.0.0/16',
  auditPolicyFile: '/policy',
  auditLogFile: '/audit.log',
};

describe('apiServerArguments', () => {
  it('has RBAC, the aggregation layer and a blocking audit log', () => {
    expect(apiServerArguments(valid)).toEqual(
      expect.arrayContaining([
        '--authorization-mode=Node,RBAC',
        '--requestheader-allowed-names=front-proxy-client',
        '--audit-log-mode=blocking',
      ]),
    );
  });

  it.each([
    ['127.0.0.1', '--advertise-address=127.0.0.1'],
    ['0.0.0.0', '--advertise-address=127.0.0.1'],
    ['10.1.2.3', '--advertise-address=10.1.2.3'],
  ])(
    'has no endpoints of its own when it binds to %s and advertises nothing',
    (bindAddress, flag) => {
      const args = apiServerArguments({ ...valid, bindAddress });
      expect(args).toContain('--endpoint-reconciler-type=none');
      expect(args).toContain(flag);
    },
  );

  it('advertises the address it is told', () => {
    const args = apiServerArguments({ ...valid, advertiseAddress: '10.1.2.3' });
    expect(args).toContain('--advertise-address=10.1.2.3');
    expect(args).not.toContain('--endpoint-reconciler-type=none');
  });
});

describe('etcdArguments', () => {
  const input = { name: 'a', dataDir: '/d', clientPort: 1, peerPort: 2 };

  it('waits for the disk only when told so', () => {
    expect(etcdArguments({ ...input, fsync: true })).not.toContain('--unsafe-no-fsync');
    expect(etcdArguments({ ...input, fsync: false })).toContain('--unsafe-no-fsync');
  });
});

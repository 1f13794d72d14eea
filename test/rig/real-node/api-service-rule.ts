// SPDX-License-Identifier: Apache-2.0
import type { AddressPlan } from './address-plan.ts';

/**
 * Returns rules for `nft` that lead the Service `kubernetes` to the API server: what pods need most
 * when no kube-proxy serves the other Services.
 */
export const apiServiceRule = (plan: AddressPlan, apiPort: number): string => {
  const rule = `ip daddr ${plan.apiServiceIp} tcp dport 443 dnat to ${plan.nodeIp}:${apiPort}`;
  // Older versions of nft want a line break before each closing brace, and know the name of this
  // priority (dstnat) only before routing.
  return `table ip homeostat {
  chain prerouting {
    type nat hook prerouting priority -100;
    ${rule}
  }
  chain output {
    type nat hook output priority -100;
    ${rule}
  }
}
`;
};

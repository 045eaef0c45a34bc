import { Modal, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '../api.ts';
import { OrderLink } from '../parts/order-name.tsx';
import { Empty, Failed, Loading, When } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';

/** Notices of providers about payments that are not known here. */
export function Notices({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { payments, common } = useText();
  const found = useQuery({
    queryKey: ['payment-notices'],
    queryFn: async () => (await api.listPaymentNotices()).items,
  });
  return (
    <Modal
      opened
      size="xl"
      onClose={onClose}
      title={payments.notices}
      closeButtonProps={{ 'aria-label': common.close }}
    >
      {found.isPending ? (
        <Loading />
      ) : found.error ? (
        <Failed error={found.error} retry={() => void found.refetch()} />
      ) : found.data.length === 0 ? (
        <Empty title={payments.noNotices} help={payments.noticesHelp} />
      ) : (
        <>
          <Text size="sm" mb="sm">
            {payments.noticesHelp}
          </Text>
          <div className="scroll-x" tabIndex={0} role="group" aria-label={payments.notices}>
            <table className="plain">
              <thead>
                <tr>
                  <th>{payments.provider}</th>
                  <th>{payments.notice}</th>
                  <th>{payments.order}</th>
                  <th>{payments.received}</th>
                </tr>
              </thead>
              <tbody>
                {found.data.map(({ provider, id, type, orderId, receivedAt }) => (
                  <tr key={`${provider} ${id}`}>
                    <td>{provider}</td>
                    <td>
                      {type}
                      <div className="dim">
                        <code>{id}</code>
                      </div>
                    </td>
                    <td>
                      <OrderLink id={orderId} />
                    </td>
                    <td className="dim">
                      <When at={receivedAt} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </Modal>
  );
}

import java.util.List;
import java.util.UUID;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.OrdersApi;
import org.openapitools.client.model.Order;
import org.openapitools.client.model.PlaceOrder;
import org.openapitools.client.model.PlaceOrderItemsInner;
import org.openapitools.client.model.PlaceOrderPayment;

/** Places an order and reads it when it is paid, by the client that openapi-generator makes for Java. */
public class Place {
  public static void main(String[] args) throws Exception {
    ApiClient client = new ApiClient();
    client.updateBaseUri(args[0]);
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + args[1]));
    OrdersApi orders = new OrdersApi(client);
    PlaceOrder body = new PlaceOrder()
        .currency("EUR")
        .items(List.of(new PlaceOrderItemsInner().sku(args[2]).quantity(1).unitPrice("9.95")))
        .payment(new PlaceOrderPayment().token("tok_approve"));
    Order order = orders.placeOrder(UUID.randomUUID().toString(), body, null);
    while (!"COMPLETED".equals(String.valueOf(order.getStatus()))) {
      Thread.sleep(100);
      order = orders.readOrder(order.getId().toString(), null, null);
    }
    if (orders.listOrderEvents(order.getId().toString()).getItems().size() <= 8) throw new Exception("events are missing");
    try {
      orders.readOrder(UUID.randomUUID().toString(), null, null);
      throw new Exception("an order that is not there was answered");
    } catch (ApiException refused) {
      if (refused.getCode() != 404) throw refused;
    }
    System.out.println(order.getStatus() + " " + order.getTotalAmount());
  }
}

import { type Language, languageOfLocale } from '#contracts/languages.ts';

/** What tracking pages say, in the languages that they speak. */

/** The steps of an order, as its customer sees them. */
export const STEPS = ['ordered', 'paid', 'packed', 'shipped', 'delivered'] as const;
export type Step = (typeof STEPS)[number];

/** Statuses of an order that a page has words for, which are all; and `HELD`, where it waits for somebody in the shop. */
export const SITUATIONS = [
  'CREATED',
  'BACKORDERED',
  'RESERVED',
  'PAYMENT_PENDING',
  'PAID',
  'READY_FOR_SHIPMENT',
  'PARTIALLY_SHIPPED',
  'SHIPPED',
  'COMPLETED',
  'REJECTED',
  'PAYMENT_FAILED',
  'CANCELLED',
  'HELD',
] as const;
export type Situation = (typeof SITUATIONS)[number];

export interface Words {
  readonly order: string;
  readonly steps: Readonly<Record<Step, string>>;
  readonly situations: Readonly<Record<Situation, readonly [headline: string, sentence: string]>>;
  readonly placedOn: string;
  readonly parcels: string;
  /** With the carrier. */
  readonly parcel: string;
  readonly arrived: string;
  readonly onItsWay: string;
  readonly follow: string;
  readonly items: string;
  readonly total: string;
  readonly givenBack: string;
  readonly goesTo: string;
  readonly cancel: string;
  readonly cancelQuestion: string;
  readonly cancelButton: string;
  readonly cancelDone: string;
  readonly cancelTooLate: string;
  readonly address: string;
  readonly addressHint: string;
  readonly addressButton: string;
  readonly addressDone: string;
  readonly addressTooLate: string;
  readonly addressWrong: string;
  readonly fields: Readonly<Record<'name' | 'line1' | 'line2' | 'postalCode' | 'city' | 'country', string>>;
  readonly expired: readonly [headline: string, sentence: string];
  readonly unknown: readonly [headline: string, sentence: string];
  readonly away: readonly [headline: string, sentence: string];
  readonly secret: string;
}

export const WORDS: Readonly<Record<Language, Words>> = {
  en: {
    order: 'Order',
    steps: { ordered: 'Ordered', paid: 'Paid', packed: 'Being packed', shipped: 'On its way', delivered: 'Arrived' },
    situations: {
      CREATED: ['We have your order', 'We are checking that everything is in stock. That takes a moment.'],
      BACKORDERED: [
        'Waiting for stock',
        'Something you ordered has to arrive here first. We send it as soon as it does.',
      ],
      RESERVED: ['Set aside for you', 'Your items are set aside. Next comes the payment.'],
      PAYMENT_PENDING: ['Waiting for the payment', 'As soon as your payment has arrived, we pack your order.'],
      PAID: ['Paid, thank you', 'Next we pack your order.'],
      READY_FOR_SHIPMENT: ['We are packing your order', 'As soon as it leaves, you find here how to follow it.'],
      PARTIALLY_SHIPPED: ['A part is on its way', 'The rest follows in a parcel of its own.'],
      SHIPPED: ['On its way', 'Your order has left and is on its way to you.'],
      COMPLETED: ['Your order has arrived', 'We hope that you like it.'],
      REJECTED: ['We could not take your order', 'Nothing was charged. The shop gladly says why.'],
      PAYMENT_FAILED: ['The payment did not work', 'Nothing was charged, and the order has ended.'],
      CANCELLED: ['The order is cancelled', 'What was paid goes back the way it came.'],
      HELD: [
        'We are having a closer look',
        'Somebody in the shop looks at your order. There is nothing that you need to do.',
      ],
    },
    placedOn: 'Ordered on',
    parcels: 'Parcels',
    parcel: 'Parcel with',
    arrived: 'Arrived',
    onItsWay: 'On its way',
    follow: 'Follow the parcel',
    items: 'What you ordered',
    total: 'Total',
    givenBack: 'Given back',
    goesTo: 'Goes to',
    cancel: 'Cancel the order',
    cancelQuestion: 'The whole order is cancelled. What you paid goes back the way it came. This cannot be undone.',
    cancelButton: 'Yes, cancel it',
    cancelDone: 'The order is being cancelled.',
    cancelTooLate: 'The order can no longer be cancelled here.',
    address: 'Send it somewhere else',
    addressHint: 'The whole address, as it is to stand on the parcel.',
    addressButton: 'Send it there',
    addressDone: 'The address is changed.',
    addressTooLate: 'The address can no longer be changed here.',
    addressWrong: 'Something in the address is missing or cannot be right. Please look at it once more.',
    fields: {
      name: 'Name',
      line1: 'Street and number',
      line2: 'More (floor, building)',
      postalCode: 'Postcode',
      city: 'City',
      country: 'Country (two letters, such as GB)',
    },
    expired: [
      'This link has ended',
      'The newest mail about your order has one that works; the shop can send it again.',
    ],
    unknown: ['There is nothing here', 'The link is not complete. Please open it from the mail about your order.'],
    away: ['One moment, please', 'We cannot look at your order right now. Please try again in a minute.'],
    secret: 'Whoever has this link sees this page. Pass it on only to those who may.',
  },
  de: {
    order: 'Bestellung',
    steps: {
      ordered: 'Bestellt',
      paid: 'Bezahlt',
      packed: 'Wird gepackt',
      shipped: 'Unterwegs',
      delivered: 'Angekommen',
    },
    situations: {
      CREATED: ['Ihre Bestellung ist da', 'Wir prüfen gerade, ob alles vorrätig ist. Das dauert einen Moment.'],
      BACKORDERED: [
        'Wir warten auf Ware',
        'Ein Artikel muss erst bei uns eintreffen. Sobald er da ist, geht er an Sie.',
      ],
      RESERVED: ['Für Sie zurückgelegt', 'Ihre Artikel sind zurückgelegt. Als Nächstes kommt die Zahlung.'],
      PAYMENT_PENDING: ['Wir warten auf die Zahlung', 'Sobald Ihre Zahlung da ist, packen wir Ihre Bestellung.'],
      PAID: ['Bezahlt, vielen Dank', 'Als Nächstes packen wir Ihre Bestellung.'],
      READY_FOR_SHIPMENT: [
        'Wir packen Ihre Bestellung',
        'Sobald sie unser Lager verlässt, können Sie sie hier verfolgen.',
      ],
      PARTIALLY_SHIPPED: ['Ein Teil ist unterwegs', 'Der Rest folgt in einem eigenen Paket.'],
      SHIPPED: ['Unterwegs zu Ihnen', 'Ihre Bestellung hat unser Lager verlassen.'],
      COMPLETED: ['Ihre Bestellung ist angekommen', 'Wir wünschen Ihnen viel Freude damit.'],
      REJECTED: [
        'Wir konnten die Bestellung nicht annehmen',
        'Es wurde nichts berechnet. Den Grund nennt Ihnen gern der Shop.',
      ],
      PAYMENT_FAILED: ['Die Zahlung hat nicht geklappt', 'Es wurde nichts berechnet, und die Bestellung ist beendet.'],
      CANCELLED: ['Die Bestellung ist storniert', 'Was bezahlt wurde, kommt auf demselben Weg zurück.'],
      HELD: ['Wir sehen uns die Bestellung genauer an', 'Sie müssen nichts tun; wir kümmern uns darum.'],
    },
    placedOn: 'Bestellt am',
    parcels: 'Pakete',
    parcel: 'Paket mit',
    arrived: 'Angekommen',
    onItsWay: 'Unterwegs',
    follow: 'Paket verfolgen',
    items: 'Ihre Artikel',
    total: 'Summe',
    givenBack: 'Erstattet',
    goesTo: 'Geht an',
    cancel: 'Bestellung stornieren',
    cancelQuestion:
      'Die ganze Bestellung wird storniert. Was Sie bezahlt haben, kommt auf demselben Weg zurück. Das lässt sich nicht rückgängig machen.',
    cancelButton: 'Ja, stornieren',
    cancelDone: 'Die Bestellung wird storniert.',
    cancelTooLate: 'Die Bestellung lässt sich hier nicht mehr stornieren.',
    address: 'An eine andere Adresse schicken',
    addressHint: 'Die ganze Adresse, wie sie auf dem Paket stehen soll.',
    addressButton: 'Dorthin schicken',
    addressDone: 'Die Adresse ist geändert.',
    addressTooLate: 'Die Adresse lässt sich hier nicht mehr ändern.',
    addressWrong: 'In der Adresse fehlt etwas, oder etwas kann nicht stimmen. Bitte sehen Sie noch einmal nach.',
    fields: {
      name: 'Name',
      line1: 'Straße und Hausnummer',
      line2: 'Zusatz (Etage, Gebäude)',
      postalCode: 'Postleitzahl',
      city: 'Ort',
      country: 'Land (zwei Buchstaben, etwa DE)',
    },
    expired: [
      'Dieser Link ist abgelaufen',
      'Die neueste E-Mail zu Ihrer Bestellung enthält einen gültigen; der Shop schickt ihn gern noch einmal.',
    ],
    unknown: [
      'Hier ist nichts',
      'Der Link ist nicht vollständig. Bitte öffnen Sie ihn aus der E-Mail zu Ihrer Bestellung.',
    ],
    away: [
      'Einen Moment, bitte',
      'Wir können Ihre Bestellung gerade nicht ansehen. Bitte versuchen Sie es in einer Minute noch einmal.',
    ],
    secret: 'Wer diesen Link hat, sieht diese Seite. Geben Sie ihn nur weiter, wenn das so sein soll.',
  },
  es: {
    order: 'Pedido',
    steps: {
      ordered: 'Pedido',
      paid: 'Pagado',
      packed: 'En preparación',
      shipped: 'En camino',
      delivered: 'Entregado',
    },
    situations: {
      CREATED: ['Hemos recibido tu pedido', 'Estamos comprobando que todo esté disponible. Solo tarda un momento.'],
      BACKORDERED: [
        'Esperando existencias',
        'Un artículo tiene que llegar antes a nuestro almacén. Lo enviaremos en cuanto llegue.',
      ],
      RESERVED: ['Reservado para ti', 'Tus artículos están apartados. El siguiente paso es el pago.'],
      PAYMENT_PENDING: ['Esperando el pago', 'En cuanto recibamos tu pago, prepararemos el pedido.'],
      PAID: ['Pagado, gracias', 'Ahora prepararemos tu pedido.'],
      READY_FOR_SHIPMENT: ['Estamos preparando tu pedido', 'En cuanto salga, podrás seguirlo desde aquí.'],
      PARTIALLY_SHIPPED: ['Una parte está en camino', 'El resto llegará en otro paquete.'],
      SHIPPED: ['En camino', 'Tu pedido ha salido y va de camino.'],
      COMPLETED: ['Tu pedido ha llegado', 'Esperamos que lo disfrutes.'],
      REJECTED: ['No hemos podido aceptar el pedido', 'No se ha cobrado nada. La tienda te explicará el motivo.'],
      PAYMENT_FAILED: ['El pago no ha funcionado', 'No se ha cobrado nada y el pedido ha terminado.'],
      CANCELLED: ['El pedido está cancelado', 'Lo pagado vuelve por el mismo medio.'],
      HELD: ['Estamos revisando tu pedido', 'No tienes que hacer nada; nos ocupamos nosotros.'],
    },
    placedOn: 'Fecha del pedido',
    parcels: 'Paquetes',
    parcel: 'Paquete con',
    arrived: 'Entregado',
    onItsWay: 'En camino',
    follow: 'Seguir el paquete',
    items: 'Tus artículos',
    total: 'Total',
    givenBack: 'Devuelto',
    goesTo: 'Se envía a',
    cancel: 'Cancelar el pedido',
    cancelQuestion: 'Se cancelará todo el pedido. Lo que has pagado vuelve por el mismo medio. No se puede deshacer.',
    cancelButton: 'Sí, cancelarlo',
    cancelDone: 'El pedido se está cancelando.',
    cancelTooLate: 'El pedido ya no se puede cancelar aquí.',
    address: 'Enviarlo a otra dirección',
    addressHint: 'La dirección completa, tal como debe figurar en el paquete.',
    addressButton: 'Enviarlo allí',
    addressDone: 'La dirección se ha cambiado.',
    addressTooLate: 'La dirección ya no se puede cambiar aquí.',
    addressWrong: 'Falta algo en la dirección o no puede ser correcto. Revísala, por favor.',
    fields: {
      name: 'Nombre',
      line1: 'Calle y número',
      line2: 'Más datos (piso, edificio)',
      postalCode: 'Código postal',
      city: 'Ciudad',
      country: 'País (dos letras, como ES)',
    },
    expired: [
      'Este enlace ha caducado',
      'El último correo sobre tu pedido contiene uno que funciona; la tienda puede enviarlo de nuevo.',
    ],
    unknown: ['Aquí no hay nada', 'El enlace no está completo. Ábrelo desde el correo sobre tu pedido.'],
    away: ['Un momento, por favor', 'Ahora mismo no podemos consultar tu pedido. Inténtalo de nuevo en un minuto.'],
    secret: 'Quien tenga este enlace verá esta página. Compártelo solo con quien deba verla.',
  },
  ar: {
    order: 'الطلب',
    steps: {
      ordered: 'تم الطلب',
      paid: 'تم الدفع',
      packed: 'قيد التجهيز',
      shipped: 'في الطريق',
      delivered: 'تم التسليم',
    },
    situations: {
      CREATED: ['استلمنا طلبك', 'نتحقق الآن من توفر جميع المنتجات. لن يستغرق ذلك سوى لحظات.'],
      BACKORDERED: ['بانتظار توفر المنتج', 'أحد المنتجات لم يصل إلينا بعد. سنرسله فور وصوله.'],
      RESERVED: ['محجوز لك', 'حجزنا منتجاتك. الخطوة التالية هي الدفع.'],
      PAYMENT_PENDING: ['بانتظار الدفع', 'سنبدأ تجهيز طلبك فور وصول الدفعة.'],
      PAID: ['تم الدفع، شكرًا لك', 'الخطوة التالية هي تجهيز طلبك.'],
      READY_FOR_SHIPMENT: ['نجهّز طلبك', 'ستجد هنا رابط التتبع فور خروج الشحنة.'],
      PARTIALLY_SHIPPED: ['جزء من الطلب في الطريق', 'سيصلك الباقي في طرد منفصل.'],
      SHIPPED: ['في الطريق إليك', 'غادر طلبك مستودعنا وهو في الطريق إليك.'],
      COMPLETED: ['وصل طلبك', 'نتمنى أن ينال إعجابك.'],
      REJECTED: ['تعذر علينا قبول الطلب', 'لم يُخصم أي مبلغ. يسعد المتجر أن يوضح لك السبب.'],
      PAYMENT_FAILED: ['لم تنجح عملية الدفع', 'لم يُخصم أي مبلغ، وانتهى الطلب.'],
      CANCELLED: ['تم إلغاء الطلب', 'سيُعاد ما دُفع بالطريقة نفسها.'],
      HELD: ['نراجع طلبك', 'لا يلزمك فعل أي شيء، نحن نتابع الأمر.'],
    },
    placedOn: 'تاريخ الطلب',
    parcels: 'الطرود',
    parcel: 'طرد مع',
    arrived: 'تم التسليم',
    onItsWay: 'في الطريق',
    follow: 'تتبع الطرد',
    items: 'منتجاتك',
    total: 'المجموع',
    givenBack: 'المبلغ المُعاد',
    goesTo: 'يُرسل إلى',
    cancel: 'إلغاء الطلب',
    cancelQuestion: 'سيُلغى الطلب كاملًا، ويُعاد ما دفعته بالطريقة نفسها. لا يمكن التراجع عن ذلك.',
    cancelButton: 'نعم، ألغِ الطلب',
    cancelDone: 'جارٍ إلغاء الطلب.',
    cancelTooLate: 'لم يعد بالإمكان إلغاء الطلب من هنا.',
    address: 'إرساله إلى عنوان آخر',
    addressHint: 'العنوان كاملًا كما يجب أن يظهر على الطرد.',
    addressButton: 'أرسله إلى هناك',
    addressDone: 'تم تغيير العنوان.',
    addressTooLate: 'لم يعد بالإمكان تغيير العنوان من هنا.',
    addressWrong: 'هناك بيانات ناقصة أو غير صحيحة في العنوان. يرجى مراجعته مرة أخرى.',
    fields: {
      name: 'الاسم',
      line1: 'الشارع والرقم',
      line2: 'تفاصيل إضافية (الطابق، المبنى)',
      postalCode: 'الرمز البريدي',
      city: 'المدينة',
      country: 'الدولة (حرفان، مثل SA)',
    },
    expired: ['انتهت صلاحية هذا الرابط', 'تجد رابطًا صالحًا في أحدث رسالة عن طلبك، ويمكن للمتجر إرساله مرة أخرى.'],
    unknown: ['لا يوجد شيء هنا', 'الرابط غير مكتمل. يرجى فتحه من رسالة طلبك.'],
    away: ['لحظة من فضلك', 'لا يمكننا عرض طلبك الآن. يرجى المحاولة بعد دقيقة.'],
    secret: 'كل من لديه هذا الرابط يمكنه رؤية هذه الصفحة. لا تشاركه إلا مع من يحق له ذلك.',
  },
};

/** The language that a browser prefers among those that there are (RFC 9110, section 12.5.4); English where it says nothing. */
export function languageOf(acceptLanguage: string | undefined, wanted: string | undefined): Language {
  const asked = wanted === undefined ? undefined : languageOfLocale(wanted);
  if (asked) return asked;
  const ranges = (acceptLanguage ?? '').split(',').map((range) => {
    const [tag = '', ...parameters] = range.trim().split(';');
    const quality = parameters.map((one) => /^\s*q=([\d.]+)\s*$/.exec(one)?.[1]).find((one) => one !== undefined);
    return { tag, quality: quality === undefined ? 1 : Number(quality) };
  });
  ranges.sort((a, b) => b.quality - a.quality);
  for (const { tag, quality } of ranges) {
    const language = quality > 0 ? languageOfLocale(tag) : undefined;
    if (language) return language;
  }
  return 'en';
}

const PATHS = {
  logo: "M3 20V12h4v8zM10 20V4h4v16zM17 20V9h4v11z",
  sun: "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM11 1h2v4h-2zM11 19h2v4h-2zM1 11h4v2H1zM19 11h4v2h-4zM4 5.4 5.4 4l2.8 2.8-1.4 1.400zM15.8 17.200l1.4-1.400L20 18.6 18.6 20zM15.8 6.8 18.6 4 20 5.400l-2.8 2.800zM4 18.600l2.8-2.8 1.4 1.400L5.4 20z",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.500z",
  close: "M6.4 5 5 6.4 10.6 12 5 17.6 6.4 19l5.6-5.6 5.6 5.6 1.4-1.4-5.6-5.600L19 6.4 17.6 5 12 10.600z",
  down: "M12 15.5 5.5 9 7 7.500l5 5 5-5L18.5 9z",
  left: "M14.5 18.5 8 12l6.5-6.500L16 7l-5 5 5 5z",
  right: "M9.5 18.5 8 17l5-5-5-5 1.5-1.500L16 12z",
  more: "M12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM5 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM19 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  check: "M9.5 18 4 12.500l1.5-1.5 4 4 9-9L20 7.500z",
  alert: "M12 2 1 21h22zM11 9h2v6h-2zM11 17h2v2h-2z",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM13 7v5.300l3.5 2-1 1.700L11 13.500V7z",
  arrow: "M12 4l-1.4 1.4 5.6 5.600H4v2h12.200l-5.6 5.600L12 20l8-8z",
};

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true" class={`svg svg-${name}`}>
      <path d={PATHS[name]} fill-rule="evenodd" />
    </svg>
  );
}

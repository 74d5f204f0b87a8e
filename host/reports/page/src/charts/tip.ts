// The text beside the pointer. Screen readers have it as the label of each mark.

let element: HTMLElement | null = null;

export function showTip({ clientX, clientY }: MouseEvent, text: string) {
  if (!element) {
    element = document.createElement("div");
    element.className = "tip";
    element.setAttribute("aria-hidden", "true");
    document.body.append(element);
  }
  if (element.textContent !== text) element.textContent = text;
  element.hidden = false;
  const { offsetWidth, offsetHeight } = element;
  const left = clientX + 14 + offsetWidth > innerWidth ? clientX - offsetWidth - 10 : clientX + 14;
  const top = clientY + 14 + offsetHeight > innerHeight ? clientY - offsetHeight - 10 : clientY + 14;
  element.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
}

export function hideTip() {
  if (element) element.hidden = true;
}

"""How the page looks, and what it tells those who can't see it."""

CSS = """
:root {--block-info-text-color: #595f69; --body-text-color-subdued: #595f69; --block-label-text-color: #595f69}
:root {--button-primary-background-fill: #c2410c; --button-primary-background-fill-hover: #9a3412}
:root {--button-secondary-text-color: #1f2937}
.gradio-container {max-width: 1300px !important; margin: auto}
footer {display: none !important}
.gradio-container button {transition: none !important}
#skip {height: 0; min-height: 0; padding: 0; margin-top: -16px; overflow: visible}
.skip {position: absolute; left: -999em; padding: 8px 16px; background: #c2410c; color: #fff !important; z-index: 10}
.skip:focus {left: 8px}
.said p {font-size: 1.05em; min-height: 1.6em; overflow-wrap: anywhere}
#shown .image-container button, #shown .image-frame {width: 100% !important}
#shown img {width: 100% !important; max-height: 75vh; object-fit: contain}
.thumbnails .grid-wrap {height: auto !important; min-height: 0; max-height: none !important; overflow: visible}
.thumbnails .grid-container {grid-template-rows: none !important; grid-auto-rows: auto !important}
.thumbnails .grid-wrap {padding-top: 34px}
.thumbnails .thumbnail-item {height: auto; min-height: 0; aspect-ratio: 1}
.thumbnails .grid-container {grid-template-columns: repeat(auto-fill, minmax(56px, 1fr)) !important}
.thumbnails.large .grid-container {grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)) !important}
"""
"""Readable contrast; shows a coarse picture as large as the final one, and galleries without scroll bars."""

SCRIPT = """
() => {
  const mark = () => {
    const message = document.getElementById("said");
    if (message) {
      message.setAttribute("role", "status");
      message.setAttribute("aria-live", "polite");
    }
    for (const empty of document.querySelectorAll(".empty[aria-label]:not([role])")) empty.setAttribute("role", "img");
    for (const picture of document.querySelectorAll("#shown img[alt='']")) picture.alt = "The picture";
  };
  mark();
  new MutationObserver(mark).observe(document.body, {childList: true, subtree: true});
}
"""
"""Runs when the page is loaded, since Gradio has no attributes for this: messages are read out as they come, and
pictures have a name."""

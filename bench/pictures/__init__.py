"""Picture quality.

acceptance          The default render against its acceptance thresholds → bars.md
banks               Cost of large mouth banks → banks.md
driven              Street clips that say something else, without a truth → driven.md
lip_correlation     Correlation and amplitude of detected against wanted lips
mouth_models        Mouth decoders trained on footage outside the test clips
picture_metrics     Metrics of pictures: PSNR, SSIM, sharpness, flicker, seams, ghosts
quality             Reconstructed mouths and finished renders, all methods → quality.md
reconstruction      Re-render a clip's mouth from the person's other clips
region_metrics      Metrics of a re-rendered mouth by region, in stabilized crops
registration_error  Share of the error that is misplacement → ceiling.md
street              Leave-out runs of street clips, drawn again from the rest of the clip
table_rows          Rows of the picture tables: rendering and measuring each method
wild                Street clips, region by region, against a frozen default → wild.md
"""
